"""CrYOLO's boxes (.cbox): STAR tables whose x and y are a box's corner.

x and y are the corner with the lowest numbers, z is the box's centre; all in voxels.

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
READ = frozenset({*CORNER, CENTRE, *SIZE, SCORE})


def read_boxes(path: Path) -> Coordinates:
    """Return the centres of a file's boxes, in voxels from the centre of voxel 0.

    Raises
    ------
    ValueError
        If the table is missing or damaged, or its boxes have no z.
    """
    tables = read_tables(path, (), READ)
    table = next((table for table in tables if table.name == BLOCK), None)
    if table is None:
        raise ValueError(f"{path} has no table data_{BLOCK}; expected one, fix it")
    if CENTRE not in table:
        raise ValueError(
            f"{path} has no column {CENTRE}: its boxes are of single images; expected"
            " boxes traced through a tomogram"
        )
    x, y = (
        table.numbers(corner) + table.numbers(size) / 2
        for corner, size in zip(CORNER, SIZE, strict=True)
    )
    return coordinates_from_xyz(
        "CBOX",
        "voxels",
        np.stack([x, y, table.numbers(CENTRE)], axis=1),
        score=table.numbers(SCORE, may_lack=True) if SCORE in table else None,
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
            for position, score in rows_of(one.picks, name):
                corner = position / one.voxel_size - np.array([0, edge / 2, edge / 2])
                size = [str(edge)] * 5
                rows.append(" ".join([*texts(corner), *size, score, "1", "0"]))
            _write(folder / f"{one.tomogram}_{name}.cbox", rows)


def _write(path: Path, rows: Sequence[str]) -> None:
    """Write the three tables that crYOLO's box manager wants, whole or not at all."""
    lines = ["", "data_global", "", "_cbox_version 1.0", "", f"data_{BLOCK}", ""]
    lines += ["loop_", *(f"_{name} #{i}" for i, name in enumerate(COLUMNS, 1))]
    lines += [*rows, "", f"data_{BLOCK}_include", ""]
    lines += ["loop_", "_slice_index #1", "", ""]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
