"""CSV and TSV tables with columns x, y, z in Å, Kaggle's and copick's among them."""

from __future__ import annotations

import csv
import re
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np

from picker.config.names import VOLUME_ENDINGS
from picker.core.messages import cut
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.star_coordinates import short_names
from picker.formats.picks.xyz_transforms import TRANSFORM, rotations, shifts
from picker.formats.tables.columns import BATCH, Table, new_table
from picker.formats.text import READABLE, is_missing, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

TOMOGRAM_COLUMNS = (
    *("tomogram", "tomogramname", "tomo", "tomoname", "rlntomoname", "runname", "run"),
    *("experiment", "experimentname", "micrograph", "micrographname"),
    *("rlnmicrographname", "tiltseries", "tiltseriesname", "tsname", "volumename"),
    *("imagename", "tomogramfile", "tomogramfilename", "tomogrampath", "tomofile"),
    *("tomofilename", "tomopath", "micrographfile", "micrographpath", "volumefile"),
    *(
        "volumefilename",
        "volumepath",
        "tomogramid",
        "tomoid",
        "runid",
        "experimentid",
        "micrographid",
    ),
    *("tiltseriesid", "tsid"),
)
"""What programs call the tomogram's column, in any case and without blanks, `_`, `-`.

The first that a table has is read.
"""
FILE_COLUMNS = {"micrograph", "micrographname", "rlnmicrographname", "rlntomoname"}
"""Columns of RELION, read as in its STAR files."""
PARTICLE_COLUMNS = (
    *("particle", "particletype", "particlename", "particleclass", "pickableobject"),
    *("pickableobjectname", "object", "objectname", "objecttype", "protein"),
    *("proteinname", "molecule", "species", "class", "classname", "label", "labelname"),
    *("classid", "labelid", "objectid"),
)
"""What programs call the column of the class, likewise."""
SURE = {"tomogram", "experiment", "particle", "particletype"}
"""Columns in which numbers are names; in others they may count something."""
UNREAD = re.compile(r"(|id|index|unnamed\d*|instanceid|pickid|userid|sessionid)")
"""Columns that nobody misses: no warning says that they are not read."""
AXES = ("x", "y", "z")
SCORE = "score"
EXPECTED = "a table with columns x, y, z in Å"


def read_xyz_table(path: Path) -> Coordinates:
    """Return the positions [Å] of comma- or tab-separated columns x, y, z.

    Optional columns: the tomogram, the class, score, and copick's transform_00 to 33,
    where refinements leave rotations, and shifts [Å], which are added.

    Raises
    ------
    ValueError
        If a column is missing or occurs twice, or a number is not finite.

    Source: copick 1.31.0, `CSVPicksHandler`; CZII's challenge at Kaggle.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _coordinates(path, file)
    except csv.Error as error:  # a cell beyond 131,072 characters
        raise ValueError(
            f"{path} is no table ({error}); expected {EXPECTED}"
        ) from error


def _coordinates(path: Path, file: TextIO) -> Coordinates:
    first = file.readline()
    delimiter = next((sign for sign in "\t,;" if sign in first), ",")
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    header = [name.strip() for name in next(reader, [])]
    if not {*AXES} <= set(header):
        header = [name.lower() if name.lower() in AXES else name for name in header]
    if not {*AXES} <= set(header):
        file.seek(0)
        raise ValueError(
            f"{path} is no file of picks: it begins with {file.read(60)!r}; expected"
            f" {READABLE}"
        )
    tomograms = _called(header, TOMOGRAM_COLUMNS)
    particles = _called(header, PARTICLE_COLUMNS)
    score = next(iter(_called(header, (SCORE,))), None)
    # There may be several columns without a name: rows' numbers, an empty last one.
    unique = [name or f" {number}" for number, name in enumerate(header)]
    numbers = {*AXES, *TRANSFORM, *([score] if score else [])}
    table = new_table(path, "", unique, {*tomograms, *particles}, numbers, "line")
    numbered = ((reader.line_num, row) for row in reader)
    for rows, places in _batches(path, numbered, len(header)):
        table.add(rows, places)
    tomogram, unread_tomograms = _chosen(table, tomograms, "tomogram", _why_no_name)
    particle, unread_particles = _chosen(table, particles, "particle", _why_no_class)
    names = _cells(table, tomogram)
    if names is not None:
        names = _tomogram_names(names, _plain(tomogram or ""))
    explained = unread_tomograms | unread_particles
    warnings = [f"{path}: {text}" for text in explained.values() if text]
    read = {score, tomogram, particle, *explained}
    if unread := [name for name in header if name not in read and not _is_known(name)]:
        warnings.append(f"{path}: columns {listed(unread)} are not read")
    return coordinates_from_xyz(
        "TSV" if delimiter == "\t" else "CSV",
        "Å",
        np.stack([table.numbers(axis) for axis in AXES], axis=1) + shifts(table),
        # A pick without a score has 1, also where other rows have one.
        score=table.numbers(score, may_lack=True) if score else None,
        tomogram=names,
        particle=_cells(table, particle),
        rotation=rotations(table),
        warnings=tuple(warnings),
    )


def _tomogram_names(names: list[str], column: str) -> list[str]:
    """Return tomograms' names: RELION's as in STAR files, of volumes' paths the stem.

    A path that is no volume's stays as it is, and the check of names refuses it.
    """
    if column in FILE_COLUMNS:
        return short_names(names, of_files="micrograph" in column)
    paths = {name: PureWindowsPath(name) for name in set(names)}
    short = {
        name: path.stem
        for name, path in paths.items()
        if len(path.parts) > 1 and path.suffix.lower() in VOLUME_ENDINGS
    }
    return [short.get(name, name) for name in names]


def _is_known(column: str) -> bool:
    """Return whether a column needs no warning that it is not read."""
    return column in {*AXES, *TRANSFORM} or UNREAD.fullmatch(_plain(column)) is not None


def _called(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns that are called one of these, in the order of the names."""
    plain = [_plain(column) for column in header]
    return [header[plain.index(name)] for name in names if name in plain]


def _plain(column: str) -> str:
    """Return a column's name in small letters, without blanks, `_` and such."""
    return re.sub(r"[\W_]", "", column).lower()


def _batches(
    path: Path, numbered: Iterator[tuple[int, list[str]]], width: int
) -> Iterator[tuple[list[list[str]], list[int]]]:
    """Yield rows as long as the header, and their lines, some thousand at a time."""
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, row in numbered:
        if not any(row):
            continue
        if len(row) != width:
            if any(row[width:]):
                raise ValueError(
                    f"{path}, line {line} has {len(row)} values for {width}"
                    " columns; expected as many values as the header has, fix the line"
                )
            row = [*row, *[""] * (width - len(row))][:width]
        rows.append(row)
        lines.append(line)
        if len(rows) == BATCH:
            yield rows, lines
            rows, lines = [], []
    yield rows, lines


def _chosen(
    table: Table,
    columns: Sequence[str],
    what: str,
    refused: Callable[[str, set[str]], str | None],
) -> tuple[str | None, dict[str, str]]:
    """Return the column to read, and column: the warning that another is not read.

    The warning is empty where nobody needs one: for a column without any value, with
    the chosen one's values, or with numbers beside a column of names.

    Parameters
    ----------
    table
        The file's table.
    columns
        Its columns that may be the one, the best name first.
    what
        What the column names, for messages.
    refused
        Returns why a column with these cells cannot be it, or None.
    """
    chosen: str | None = None
    unread: dict[str, str] = {}
    numbered: dict[str, str] = {}
    for column in columns:
        cells = table.raw(column)
        different = set(cells)
        if all(map(is_missing, different)):
            unread[column] = ""
        elif why := refused(column, different):
            numbered[column] = f"column {column} {why}; it is not read"
        elif chosen is None:
            chosen = column
        else:
            unread[column] = ""
            if cells != table.raw(chosen):
                unread[column] = (
                    f"columns {chosen} and {column} may both name the {what} and"
                    f" differ; {chosen} is read"
                )
    return chosen, unread | (dict.fromkeys(numbered, "") if chosen else numbered)


def _why_no_name(column: str, cells: set[str]) -> str | None:
    """Return why a column does not name tomograms."""
    if _plain(column) in SURE or len(cells) > 1 or not all(map(_is_number, cells)):
        return None
    return f"has {cut(*cells)} in all rows, which may not be the tomogram's name"


def _why_no_class(column: str, cells: set[str]) -> str | None:
    """Return why a column does not name classes."""
    if _plain(column) in SURE or not all(map(_is_number, cells)):
        return None
    return "holds numbers, not names of particles"


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _cells(table: Table, column: str | None) -> list[str] | None:
    """Return a column's cells, none of them empty; None if there is no such column."""
    if column is None:
        return None
    cells = table.texts(column)
    stripped = {cell: cell.strip() for cell in set(cells)}
    return [stripped[cell] for cell in cells]
