"""Dynamo's tables (.tbl), and the .doc that names the tomogram of each number."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from picker.config.names import VOLUME_ENDINGS
from picker.core.files import written_whole
from picker.core.messages import shown
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import each_class, rows_of, texts
from picker.formats.text import (
    finite,
    finite_or_nan,
    listed,
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
TAG, ALIGNED, AVERAGED, SHIFT, SCORE, TOMOGRAM, CLASS, X = 1, 2, 3, 4, 10, 20, 22, 24
MAPS = ("indices_column20.doc", "indices_column_20.doc")
ORIGIN_UNKNOWN = (
    "Dynamo's tables do not say whether the first voxel is 0 or 1; taken as 0, so that"
    " positions may be off by one voxel"
)


def read_table(path: Path) -> Coordinates:
    """Return the coordinates of a table, in voxels, taken to count from 0.

    The tomograms' names come from a .doc beside the table, named as the table is or as
    Dynamo names it in a data folder. Shifts (columns 4 to 6) are added.

    Raises
    ------
    ValueError
        If a row has fewer than 26 columns or no finite numbers where they matter, or
        if it holds several tomograms and no .doc names them.

    Source: Dynamo's table convention,
    https://www.dynamo-em.org/w/index.php?title=Table; alisterburt/dynamo2m also adds
    the shifts.
    """
    xyz, score, numbers = [], [], []
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
        score.append(finite_or_nan(path, where, words[SCORE - 1]))
        (tomogram,) = finite(path, where, [words[TOMOGRAM - 1]])
        numbers.append(f"{tomogram:g}")
    return coordinates_from_xyz(
        "Dynamo table",
        "voxels",
        xyz,
        # In a table from before any alignment all scores are 0.
        score=score if any(score) else None,
        tomogram=_names(path, numbers),
        warnings=(f"{path}: {ORIGIN_UNKNOWN}",),
    )


def maps(path: Path) -> tuple[Path, ...]:
    """Return the files that may name a table's tomograms; the first to exist does."""
    return (path.with_suffix(".doc"), *(path.with_name(name) for name in MAPS))


def _names(path: Path, numbers: list[str]) -> list[str] | None:
    """Return each row's tomogram; None if there is one number and no name for it."""
    file = next((file for file in maps(path) if file.is_file()), None)
    if file is None:
        if len(set(numbers)) > 1:
            raise ValueError(
                f"{path} holds tomograms {listed(sorted(set(numbers)))} (column"
                f" {TOMOGRAM}) and no {maps(path)[0].name} beside it says which they"
                " are; expected lines such as '1 TS_01.mrc' there"
            )
        return None
    names = {}
    for number, words in number_rows(read_text(file, "lines of number and volume")):
        if len(words) != 2:
            raise ValueError(
                f"{file}, line {number} is {shown(' '.join(words))}; expected a number"
                " and the name of a volume, without blanks in it"
            )
        names[words[0]] = _stem(words[1])
    missing = sorted(set(numbers) - set(names))
    if missing:
        raise ValueError(
            f"{file} does not name tomogram {listed(missing)} of {path.name};"
            " add a line such as '1 TS_01.mrc'"
        )
    return [names[number] for number in numbers]


def _stem(volume: str) -> str:
    """Return a volume's name without its folder (POSIX or Windows) and its ending."""
    name = PurePosixPath(PureWindowsPath(volume).as_posix()).name
    stem, dot, end = name.rpartition(".")
    return stem if f"{dot}{end}".lower() in VOLUME_ENDINGS else name


def write_tables(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<particle>.tbl` with all tomograms, voxels from 0, and its `.doc`.

    Column 1 counts rows, 10 holds the score, 20 the tomogram's number, 22 the class's,
    24 to 26 x, y, z. The .doc names each tomogram's volume `<tomogram>.mrc`.
    """
    logger.warning("warning: %s", ORIGIN_UNKNOWN)
    for number, particle in each_class(particles, tomograms):
        lines: list[str] = []
        for index, one in enumerate(tomograms, 1):
            for position, score in rows_of(one.picks, particle):
                row = ["0"] * NUM_COLUMNS
                row[TAG - 1] = str(len(lines) + 1)
                row[ALIGNED - 1] = row[AVERAGED - 1] = row[12] = "1"
                row[SCORE - 1], row[TOMOGRAM - 1] = score, str(index)
                row[CLASS - 1] = str(number)
                row[X - 1 : X + 2] = texts(position / one.voxel_size)
                lines.append(" ".join(row))
        names = [f"{i} {one.tomogram}.mrc" for i, one in enumerate(tomograms, 1)]
        for suffix, content in ((".doc", names), (".tbl", lines)):
            with written_whole(folder / f"{particle}{suffix}") as temporary:
                temporary.write_text("".join(f"{line}\n" for line in content))
