"""Points of the CryoET data portal: one JSON object a line (ndjson), in voxels."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import written_whole
from picker.core.messages import shown
from picker.core.rotations import reversed_axes
from picker.formats.picks.angles import rotation_from_matrix
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import each_class, rounded, rows_of
from picker.formats.text import finite, json_object, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks

MATRIX = "xyz_rotation_matrix"
UNKNOWN = [[math.nan] * 3] * 3
EXPECTED = 'lines such as {"type": "point", "location": {"x": 30, "y": 40, "z": 20}}'


def read_points(path: Path) -> Coordinates:
    """Return the points of a file, in voxels from the centre of voxel 0.

    `xyz_rotation_matrix` of oriented points is read, instances are not.

    Raises
    ------
    ValueError
        If a line is no JSON object with a finite location, or its matrix is no
        rotation.

    Source: CryoET data portal, annotation files,
    https://chanzuckerberg.github.io/cryoet-data-portal
    """
    xyz, turns = [], []
    for number, line in enumerate(read_text(path, EXPECTED).splitlines(), 1):
        if not line.strip():
            continue
        point = json_object(path, line, f", line {number}")
        location = point.get("location")
        if not isinstance(location, dict):
            raise ValueError(
                f"{path}, line {number} has location {shown(location)}; expected"
                f" {EXPECTED}"
            )
        values = (location.get(axis) for axis in "xyz")
        xyz.append(finite(path, f"line {number}", values))
        turns.append(_turn_xyz(path, number, point.get(MATRIX)))
    return coordinates_from_xyz(
        "CryoET portal ndjson",
        "voxels",
        xyz,
        rotation=rotation_from_matrix(path, np.reshape(turns, (-1, 3, 3)), "point"),
    )


def _turn_xyz(path: Path, number: int, matrix: object) -> list[list[float]]:
    """Return one point's matrix, x, y, z; NaN if it has none."""
    if matrix is None:
        return UNKNOWN
    rows = matrix if isinstance(matrix, list) else []
    if [len(row) if isinstance(row, list) else 0 for row in rows] != [3, 3, 3]:
        raise ValueError(
            f"{path}, line {number} has {MATRIX} {shown(matrix)}; expected three rows"
            " of three numbers, fix it or leave it out"
        )
    return [finite(path, f"line {number}, {MATRIX}", row) for row in rows]


def write_points(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<tomogram>_<particle>.ndjson`, one point a line in voxels; no scores.

    Those with a rotation are oriented points.
    """
    for _, particle in each_class(particles, tomograms):
        for one in tomograms:
            lines = []
            for position, _, rotation in rows_of(one.picks, particle):
                place = rounded(position / one.voxel_size)
                location = dict(zip("xyz", place, strict=True))
                point: dict[str, object] = {"type": "point", "location": location}
                if rotation is not None:
                    point["type"] = "orientedPoint"
                    point[MATRIX] = reversed_axes(rotation).tolist()
                lines.append(json.dumps(point))
            path = folder / f"{one.tomogram}_{particle}.ndjson"
            with written_whole(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines))
