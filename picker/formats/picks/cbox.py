"""CrYOLO's boxes (.cbox): STAR tables whose x and y are a box's corner.

x and y are the corner with the lowest numbers, z is the box's centre; all in voxels. In
micrographs z and depth are `<NA>`.

Source: MPI-Dortmund/tomotwin-cryoet, tomotwin/modules/inference/CBOXInterface;
https://cryolo.readthedocs.io
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import written_whole
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import each_class, rows_of, texts
from picker.formats.tables.star_table import read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

BLOCK = "cryolo"
CORNER = ("CoordinateX", "CoordinateY")
CENTRE = "CoordinateZ"
SIZE = ("Width", "Height")
SCORE = "Confidence"
COLUMNS = (
    *CORNER,
    CENTRE,
    *SIZE,
    "Depth",
    "EstWidth",
    "EstHeight",
    SCORE,
    "NumBoxes",
    "Angle",
)
NONE = "<NA>"
READ = frozenset({*CORNER, CENTRE, *SIZE, SCORE})


def read_boxes(path: Path) -> Coordinates:
    """Return the centres of a file's boxes, in voxels from the centre of voxel 0.

    Raises
    ------
    ValueError
        If the table is missing or damaged, or only some of its boxes have a z.
    """
    tables = read_tables(path, (), READ)
    table = next((table for table in tables if table.name == BLOCK), None)
    if table is None:
        raise ValueError(f"{path} has no table data_{BLOCK}; expected one, fix it")
    z = np.full(len(table), np.nan)
    if CENTRE in table:
        z = table.numbers(CENTRE, may_lack=True)
    is_flat = bool(np.isnan(z).all())
    if not is_flat:
        z = table.numbers(CENTRE)
    x, y = (
        table.numbers(corner) + table.numbers(size) / 2
        for corner, size in zip(CORNER, SIZE, strict=True)
    )
    return coordinates_from_xyz(
        "CBOX",
        "voxels",
        np.stack([x, y, np.zeros(len(z)) if is_flat else z], axis=1),
        score=table.numbers(SCORE, may_lack=True) if SCORE in table else None,
        # Of no boxes nobody can say.
        has_z=not is_flat or not len(z),
    )


def write_boxes(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[Particle]
) -> None:
    """Write `<tomogram>_<particle>.cbox`; a box's edge is the particle's diameter."""
    radius = {particle.name: particle.radius for particle in particles}
    for _, name in each_class(list(radius), tomograms):
        for one in tomograms:
            # Whole and even, so that corners keep the decimals of their centres.
            edge = 2 * max(1, round(radius[name] / one.voxel_size))
            rows = []
            for position, score, _ in rows_of(one.picks, name):
                corner = position / one.voxel_size - np.array([0, edge / 2, edge / 2])
                size = [str(edge)] * 5
                x, y, z = texts(corner)
                if one.is_micrograph:
                    z = size[2] = NONE
                rows.append(" ".join([x, y, z, *size, score, "1", "0"]))
            _write(folder / f"{one.tomogram}_{name}.cbox", rows)


def _write(path: Path, rows: Sequence[str]) -> None:
    """Write the three tables that crYOLO's box manager wants, whole or not at all."""
    lines = ["", "data_global", "", "_cbox_version 1.0", "", f"data_{BLOCK}", ""]
    lines += ["loop_", *(f"_{name} #{i}" for i, name in enumerate(COLUMNS, 1))]
    lines += [*rows, "", f"data_{BLOCK}_include", ""]
    lines += ["loop_", "_slice_index #1", "", ""]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
