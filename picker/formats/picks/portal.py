"""Points of the CryoET data portal: one JSON object a line (ndjson), in voxels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from picker.core.files import written_whole
from picker.core.messages import shown
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import each_class, rounded, rows_of
from picker.formats.text import finite, json_object, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks

EXPECTED = 'lines such as {"type": "point", "location": {"x": 30, "y": 40, "z": 20}}'


def read_points(path: Path) -> Coordinates:
    """Return the points of a file, in voxels from the centre of voxel 0.

    Orientations and instances are left out.

    Raises
    ------
    ValueError
        If a line is no JSON object with a finite location.

    Source: CryoET data portal, annotation files,
    https://chanzuckerberg.github.io/cryoet-data-portal
    """
    xyz = []
    for number, line in enumerate(read_text(path, EXPECTED).splitlines(), 1):
        if not line.strip():
            continue
        location = json_object(path, line, f", line {number}").get("location")
        if not isinstance(location, dict):
            raise ValueError(
                f"{path}, line {number} has location {shown(location)}; expected"
                f" {EXPECTED}"
            )
        values = (location.get(axis) for axis in "xyz")
        xyz.append(finite(path, f"line {number}", values))
    return coordinates_from_xyz("CryoET portal ndjson", "voxels", xyz)


def write_points(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<tomogram>_<particle>.ndjson`, one point a line in voxels; no scores."""
    for _, particle in each_class(particles, tomograms):
        for one in tomograms:
            lines = []
            for position, _ in rows_of(one.picks, particle):
                place = rounded(position / one.voxel_size)
                location = dict(zip("xyz", place, strict=True))
                lines.append(json.dumps({"type": "point", "location": location}))
            path = folder / f"{one.tomogram}_{particle}.ndjson"
            with written_whole(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines))
