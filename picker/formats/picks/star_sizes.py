"""Pixel sizes that a STAR file names, in a table or in its optics groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from picker.formats.picks.records import one_if_equal
from picker.formats.tables.star_table import read_comments
from picker.formats.text import finite, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.formats.picks.records import Sizes
    from picker.formats.tables.columns import Table

TILT_SIZE = "rlnTomoTiltSeriesPixelSize"
GROUP = "rlnOpticsGroup"
MICROGRAPH_SIZE = "rlnMicrographPixelSize"
DETECTOR_SIZE = "rlnDetectorPixelSize"
MAGNIFICATION = "rlnMagnification"
PIXEL_SIZES = (MICROGRAPH_SIZE, "rlnImagePixelSize", "rlnPixelSize", TILT_SIZE)
"""Columns that may have the size [Å] of the pixels that coordinates count."""
TILT_NOTE = "tilt_series_pixel_size"
"""Comment with t [Å] in the files that we write for RELION."""


def pixel_sizes(tables: Sequence[Table], table: Table) -> dict[str, Sizes]:
    """Return column: pixel size [Å] that a file of voxels names, in its optics too.

    Parameters
    ----------
    tables
        All tables of the file.
    table
        The one with the coordinates.

    Source: RELION 3.1, src/metadata_label.h. Sizes of the images, the tilt series or
    the detector need not be those of the coordinates: WarpTools' ts_export_particles
    reads the former for shifts alone.
    """
    found = {name: _of_rows(tables, table, name) for name in PIXEL_SIZES}
    detector = _of_rows(tables, table, DETECTOR_SIZE)
    magnification = _of_rows(tables, table, MAGNIFICATION)
    if isinstance(detector, float) and isinstance(magnification, float):
        # Micrometres over magnification; alone, as pytom-match-pick has it, it is Å.
        detector = detector * 1e4 / magnification if magnification else None
    found[DETECTOR_SIZE] = detector
    return {name: sizes for name, sizes in found.items() if sizes is not None}


def tilt_pixel_size(tables: Sequence[Table], table: Table) -> Sizes | None:
    """Return t [Å] from a table or our own comment, one for each row if they differ."""
    if (sizes := _of_rows(tables, table, TILT_SIZE)) is not None:
        return sizes
    note = read_comments(table.path).get(TILT_NOTE)
    return finite(table.path, f"the comment {TILT_NOTE}", [note])[0] if note else None


def _of_rows(tables: Sequence[Table], table: Table, column: str) -> Sizes | None:
    """Return a column's number, one for each row if they differ.

    It is the table's own, or that of each row's optics group.

    Raises
    ------
    ValueError
        If there are several and a row does not say which is its own.
    """
    if column in table:
        return one_if_equal(_known_numbers(table, column))
    groups: dict[str, float] = {}
    for other in tables:
        if column not in other:
            continue
        sizes = _known_numbers(other, column)
        if not sizes:
            continue
        rows = [f"row {number}" for number in range(1, len(sizes) + 1)]
        names = other.texts(GROUP) if GROUP in other else rows
        groups |= dict(zip(names, sizes, strict=True))
    if len(set(groups.values())) == 1:
        return next(iter(groups.values()))
    if groups:
        own = table.texts(GROUP) if GROUP in table else None
        unknown = None if own is None else set(own) - set(groups)
        if own is None or unknown:
            what = f"group {listed(unknown)}" if unknown else f"no column {GROUP}"
            raise ValueError(
                f"{table.path} has several pixel sizes"
                f" ({sorted(set(groups.values()))} Å), {column}, and its picks have"
                f" {what}; expected {GROUP} in each row to say which; fix it or split"
                " the file"
            )
        return one_if_equal([groups[name] for name in own])
    return None


def _known_numbers(table: Table, column: str) -> list[float]:
    """Return a column's numbers; none if it has none.

    Rows without a number have that of the others, if these agree.

    Raises
    ------
    ValueError
        If rows have no number and the others differ.
    """
    numbers: list[float] = table.numbers(column, may_lack=True).tolist()
    known = {number for number in numbers if not math.isnan(number)}
    if len(known) > 1:
        numbers = table.numbers(column).tolist()
        return numbers
    return [*known] * len(numbers)
