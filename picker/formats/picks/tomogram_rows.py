"""Which rows of a file of picks belong to which tomogram."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.records import one_if_equal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from picker.formats.picks.records import Coordinates, Sizes


def rows_by_tomogram(names: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Return tomogram: its rows in their order, in one pass over all rows' names."""
    if not names:
        return {}
    numbers: dict[str, int] = {}
    # An array of the names would give each of them the room of the longest.
    number_of_row = np.fromiter(
        (numbers.setdefault(name, len(numbers)) for name in names), np.intp, len(names)
    )
    order = np.argsort(number_of_row, kind="stable")
    ends = np.cumsum(np.bincount(number_of_row))
    return dict(zip(numbers, np.split(order, ends[:-1]), strict=True))


def each_tomogram(found: Coordinates) -> Iterator[tuple[str, Coordinates]]:
    """Yield the name and the coordinates of each tomogram that a file names."""
    for name, rows in rows_by_tomogram(found.tomogram or ()).items():
        yield name, select_rows(found, rows)


def of_tomogram(
    found: Coordinates, tomogram: str
) -> tuple[Coordinates, tuple[str, ...]]:
    """Return the rows of a tomogram; if there are none, the names that rows have.

    Rows without a tomogram's name belong to any tomogram.
    """
    if not found.tomogram:
        return found, ()
    rows = [row for row, name in enumerate(found.tomogram) if name == tomogram]
    others = () if rows else tuple(dict.fromkeys(found.tomogram))
    return select_rows(found, np.array(rows, np.intp)), others


def select_rows(found: Coordinates, rows: NDArray[np.intp]) -> Coordinates:
    """Return some rows of coordinates alone."""
    indices = rows.tolist()
    sizes = {
        name: _sizes_of_rows(sizes, indices)
        for name, sizes in found.doubtful_sizes.items()
    }
    shift, rotation, filament = found.shift_zyx, found.rotation, found.filament
    drawing = found.drawing
    return replace(
        found,
        value_zyx=found.value_zyx[rows],
        score=found.score[rows],
        tomogram=_names_of_rows(found.tomogram, indices),
        particle=_names_of_rows(found.particle, indices),
        tilt_pixel_size=_sizes_of_rows(found.tilt_pixel_size, indices),
        pixel_size=_sizes_of_rows(found.pixel_size, indices),
        doubtful_sizes={name: size for name, size in sizes.items() if size is not None},
        shift_zyx=None if shift is None else shift[rows],
        rotation=None if rotation is None else rotation[rows],
        filament=None if filament is None else filament[rows],
        context={name: values[rows] for name, values in found.context.items()},
        drawing=drawing and replace(drawing, contour=drawing.contour[rows]),
    )


def _names_of_rows(names: list[str] | None, rows: list[int]) -> list[str] | None:
    return None if names is None else [names[row] for row in rows]


def _sizes_of_rows(sizes: Sizes | None, rows: list[int]) -> Sizes | None:
    """Return the sizes [Å] of these rows alone."""
    if not isinstance(sizes, tuple):
        return sizes
    # Where there are no rows, any of the sizes will do.
    return one_if_equal([sizes[row] for row in rows] or sizes[:1])
