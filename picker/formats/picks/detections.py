"""The program's own STAR files of detections on slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.detections import Detections
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star_coordinates import OUR_SCORE, PARTICLE, POSITION
from picker.formats.tables.star_table import read_comments, read_tables, write_block

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

import numpy as np

BLOCK = "detections"
SIDE = "pickerSide"
MIN_CHORD, STEP = "min_chord", "slice_step"
"""Comments that say which squares were looked for, and on which slices."""


def write_detections(
    path: Path, found: Detections, notes: Mapping[str, str] | None = None
) -> None:
    """Write detections: centre and side [Å, to .001 Å], particle and score.

    `notes` become comments, as with `write_picks`.
    """
    squares = found.squares
    numbers = np.column_stack([squares.position_zyx[:, ::-1], found.side])
    rows = [
        [*(f"{value:.3f}" for value in values), particle, str(score)]
        for values, particle, score in zip(
            numbers.tolist(), squares.particle.tolist(), squares.score, strict=True
        )
    ]
    looked = {MIN_CHORD: found.min_chord, STEP: found.step}
    comments = [
        "Centres and sides of squares in angstrom; 0 is the centre of the first voxel.",
        *(f"{name}: {value}" for name, value in {**looked, **(notes or {})}.items()),
    ]
    columns = [*POSITION, SIDE, PARTICLE, OUR_SCORE]
    write_block(path, BLOCK, columns, rows, comments)


def read_detections(path: Path) -> Detections:
    """Return the detections of a file that `write_detections` wrote.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    tables = read_tables(path, (PARTICLE,), (*POSITION, SIDE, OUR_SCORE))
    table = next((one for one in tables if one.name == BLOCK), None)
    if table is None:
        raise ValueError(
            f"{path} has no table data_{BLOCK}; expected detections on slices, as"
            " predict writes them"
        )
    looked = read_comments(path)
    try:
        return Detections(
            squares=picks_from_arrays(
                np.column_stack([table.numbers(name) for name in POSITION[::-1]]),
                table.texts(PARTICLE),
                table.numbers(OUR_SCORE),
            ),
            side=table.numbers(SIDE),
            min_chord=float(looked.get(MIN_CHORD, 0)),
            step=int(looked.get(STEP, 1)),
        )
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(
            f"{path} holds no usable detections: {error}. Delete it, and it is made"
            " again"
        ) from error
