"""RELION's tomograms.star: pixel size and unbinned size of each tilt series."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.config import known_as
from picker.core.files import checked_file
from picker.core.messages import cut
from picker.formats.picks.interpret import AGREES
from picker.formats.picks.records import TiltSeries
from picker.formats.picks.units import xyz
from picker.formats.tables.star_table import read_tables
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger("picker")

NAME = "rlnTomoName"
PIXEL_SIZE = "rlnTomoTiltSeriesPixelSize"
SIZE = tuple(f"rlnTomoSize{axis}" for axis in "ZYX")
SIZES = (0.01, 1000.0)
"""Least and greatest pixel size of a tilt series [Å]."""
LONGEST_AXIS = 1_000_000
"""Greatest size of a tomogram along an axis [pixels]."""


def read_tilt_series(path: Path) -> dict[str, TiltSeries]:
    """Return the tilt series of each tomogram, by the tomogram's name.

    Parameters
    ----------
    path
        tomograms.star of RELION 4 or 5. RELION 5 also writes one before it reconstructs
        tomograms; that one has no sizes.

    Raises
    ------
    ValueError
        If no table has names and pixel sizes, a name appears twice, or a size is
        impossible.

    Source: RELION 5, tomography documentation; RELION 4, tomogram set files.
    """
    if not checked_file(path, "RELION's tomograms.star").is_file():
        raise ValueError(
            f"{path} does not exist; expected RELION's tomograms.star, fix its path"
        )
    tables = read_tables(path, {NAME}, {PIXEL_SIZE, *SIZE})
    table = next((t for t in tables if NAME in t and PIXEL_SIZE in t), None)
    if table is None:
        raise ValueError(
            f"{path} has no table with {NAME} and {PIXEL_SIZE}; expected RELION's"
            " tomograms.star (of a job Import, Reconstruct tomograms or later)"
        )
    names = table.texts(NAME)
    name, count = next(iter(Counter(names).most_common(1)), ("", 0))
    if count > 1:
        raise ValueError(
            f"{path} has tomogram {cut(name)} twice; expected each once, fix it"
        )
    pixel_sizes = table.numbers(PIXEL_SIZE).tolist()
    for name, size in zip(names, pixel_sizes, strict=True):
        if not SIZES[0] <= size <= SIZES[1]:
            raise ValueError(
                f"{path} gives tomogram {cut(name)} pixels of {size:g} Å"
                f" ({PIXEL_SIZE}); expected {SIZES[0]:g} to {SIZES[1]:g} Å, fix it"
            )
    if not any(name in table for name in SIZE):
        return {
            name: TiltSeries(pixel_size=size)
            for name, size in zip(names, pixel_sizes, strict=True)
        }
    axes = [table.numbers(name).tolist() for name in SIZE]
    shapes = list(zip(*axes, strict=True))
    for name, shape in zip(names, shapes, strict=True):
        if not all(0 < n <= LONGEST_AXIS and n == round(n) for n in shape):
            raise ValueError(
                f"{path} gives tomogram {cut(name)} a size of"
                f" {', '.join(f'{n:g}' for n in shape)} pixels (z, y, x); expected"
                " whole numbers above 0, fix it"
            )
    return {
        name: TiltSeries(pixel_size=size, size_zyx=(round(z), round(y), round(x)))
        for name, size, (z, y, x) in zip(names, pixel_sizes, shapes, strict=True)
    }


def with_tilt_series(
    path: Path, tomograms: Sequence[TomogramPicks]
) -> list[TomogramPicks]:
    """Return the tomograms with pixel size, size and name from RELION's tomograms.star.

    Raises
    ------
    ValueError
        If it cannot be read, or a tomogram is not in it.
    """
    known = read_tilt_series(path)
    names = {
        one.tomogram: known_as([one.own_name, one.tomogram], known, path)
        for one in tomograms
    }
    unknown = [name for name, relion_name in names.items() if relion_name is None]
    if unknown:
        raise ValueError(
            f"{path} has no tomogram {listed(unknown)}, it has {listed(known)};"
            " expected our name in rlnTomoName, letter for letter"
        )
    result = []
    for one in tomograms:
        series = known[names[one.tomogram] or ""]
        t = one.tilt_pixel_size
        if t is not None and abs(t - series.pixel_size) > AGREES * t:
            logger.warning(
                "warning: %s: tilt_pixel_size of %s is %g Å in the table, taken as"
                " %g Å from the file",
                *(path, one.tomogram, t, series.pixel_size),
            )
        if series.size_zyx is not None:
            extent = np.array(one.shape_zyx) * one.voxel_size
            extent_in_relion = np.array(series.size_zyx) * series.pixel_size
            # Sizes are rounded, sometimes to even numbers.
            allowed = np.maximum(2 * one.voxel_size, AGREES * extent)
            if (np.abs(extent - extent_in_relion) > allowed).any():
                logger.warning(
                    "warning: %s: %s is %s Å (x, y, z) there and %s Å here; expected"
                    " the same reconstruction, neither cropped nor rotated",
                    *(path, one.tomogram, xyz(extent_in_relion), xyz(extent)),
                )
        result.append(
            replace(
                one,
                tilt_pixel_size=series.pixel_size,
                tilt_size_zyx=series.size_zyx,
                in_relion=names[one.tomogram],
            )
        )
    return result
