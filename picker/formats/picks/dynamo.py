"""Dynamo's tables (.tbl), and the .doc that names the tomogram of each number."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import write_text
from picker.formats.picks.angles import (
    dynamo_from_rotation,
    rotation_from_dynamo,
    rounded_angles,
    told,
)
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.tomogram_numbers import lines_of_names, names_of_numbers
from picker.formats.picks.writing import each_class, rows_of, texts
from picker.formats.text import (
    finite,
    finite_or_nan,
    number_rows,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)

NUM_COLUMNS = 35
FEWEST_COLUMNS = 26
# Counted from 1, as Dynamo's documentation does.
TAG, ALIGNED, AVERAGED, SHIFT, ANGLE, SCORE = 1, 2, 3, 4, 7, 10
TOMOGRAM, CLASS, X = 20, 22, 24
ORIGIN_UNKNOWN = (
    "Dynamo's tables do not say whether the first voxel is 0 or 1; taken as 0, so that"
    " positions may be off by one voxel"
)


def read_table(path: Path) -> Coordinates:
    """Return the coordinates of a table, in voxels, taken to count from 0.

    The tomograms' names come from a .doc beside the table, named as the table is or as
    Dynamo names it in a data folder. Shifts (columns 4 to 6) are added. Angles that are
    all 0 are unknown.

    Raises
    ------
    ValueError
        If a row has fewer than 26 columns or no finite numbers where they matter, or
        if it holds several tomograms and no .doc names them.

    Source: Dynamo's table convention,
    https://www.dynamo-em.org/w/index.php?title=Table; alisterburt/dynamo2m also adds
    the shifts.
    """
    xyz, angles, score, numbers = [], [], [], []
    for number, words in number_rows(read_text(path, "rows of 26 or more numbers")):
        where = f"line {number}"
        if len(words) < FEWEST_COLUMNS:
            raise ValueError(
                f"{path}, {where} has {len(words)} columns; expected {FEWEST_COLUMNS}"
                " or more, copy it again"
            )
        place = finite(path, where, words[X - 1 : X + 2])
        shift = finite(path, where, words[SHIFT - 1 : SHIFT + 2])
        xyz.append([x + dx for x, dx in zip(place, shift, strict=True)])
        angles.append(finite(path, where, words[ANGLE - 1 : ANGLE + 2]))
        score.append(finite_or_nan(path, where, words[SCORE - 1]))
        (tomogram,) = finite(path, where, [words[TOMOGRAM - 1]])
        numbers.append(f"{tomogram:g}")
    return coordinates_from_xyz(
        "Dynamo table",
        "voxels",
        xyz,
        # In a table from before any alignment all scores are 0.
        score=score if any(score) else None,
        tomogram=names_of_numbers(path, numbers, f"column {TOMOGRAM}"),
        rotation=told(rotation_from_dynamo(np.reshape(angles, (-1, 3)))),
        warnings=(f"{path}: {ORIGIN_UNKNOWN}",),
    )


def write_tables(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<particle>.tbl` with all tomograms, voxels from 0, and its `.doc`.

    Column 1 counts rows, 7 to 9 hold tdrot, tilt and narot, 10 the score, 20 the
    tomogram's number, 22 the class's, 24 to 26 x, y, z. The .doc names each tomogram's
    volume `<tomogram>.mrc`.
    """
    logger.warning("warning: %s", ORIGIN_UNKNOWN)
    for number, particle in each_class(particles, tomograms):
        lines: list[str] = []
        for index, one in enumerate(tomograms, 1):
            for position, score, rotation in rows_of(one.picks, particle):
                row = ["0"] * NUM_COLUMNS
                row[TAG - 1] = str(len(lines) + 1)
                row[ALIGNED - 1] = row[AVERAGED - 1] = row[12] = "1"
                if rotation is not None:
                    angles = rounded_angles(dynamo_from_rotation(rotation[None])[0])
                    row[ANGLE - 1 : ANGLE + 2] = [repr(value) for value in angles]
                row[SCORE - 1], row[TOMOGRAM - 1] = score, str(index)
                row[CLASS - 1] = str(number)
                row[X - 1 : X + 2] = texts(position / one.voxel_size)
                lines.append(" ".join(row))
        names = lines_of_names(one.tomogram for one in tomograms)
        write_text(folder / f"{particle}.doc", names)
        table = "".join(f"{line}\n" for line in lines)
        write_text(folder / f"{particle}.tbl", table)
