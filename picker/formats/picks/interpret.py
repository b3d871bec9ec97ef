"""From the numbers of a file to positions in a tomogram: every step, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.imod_binning import in_voxels_of_tomogram
from picker.formats.picks.imod_contours import picks_of_contours
from picker.formats.picks.pixel_size import settle_pixel_size
from picker.formats.picks.plausible import check_positions
from picker.formats.picks.tomogram_rows import select_rows
from picker.formats.picks.unit_mistakes import Reading
from picker.formats.picks.units import position_from_coordinates

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Contours, Outside
    from picker.formats.picks.records import Centre, Coordinates

AGREES = 0.01
"""Pixel sizes that differ by a smaller fraction are the same, rounded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpretation:
    """A tomogram, and what a user says of the numbers that are read for it.

    Attributes
    ----------
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    tilt_pixel_size
        t [Å]; None: as the file says.
    tilt_size_zyx
        Size of the tomogram in pixels of t; None: its own, rounded to such.
    centre
        What RELION 5 calls 0.
    outside
        Which picks outside of the tomogram are dropped.
    contours
        What is a pick in contours of several points; None: unknown.
    is_certain
        The user named the unit of the numbers.
    """

    voxel_size: float
    shape_zyx: tuple[int, int, int]
    tilt_pixel_size: float | None = None
    tilt_size_zyx: tuple[int, int, int] | None = None
    centre: Centre = "size/2"
    outside: Outside = "drop_few"
    contours: Contours | None = None
    is_certain: bool = False


def interpret(
    path: Path, found: Coordinates, interpretation: Interpretation
) -> tuple[Coordinates, NDArray[np.float64], list[str]]:
    """Return the rows in the tomogram, their `(n, 3)` positions [Å, zyx], and warnings.

    Parameters
    ----------
    path
        The file, for messages.
    found
        Its rows of this tomogram alone.
    interpretation
        The tomogram, and what the user says.

    Raises
    ------
    ValueError
        If a tomogram's file has no z, contours of several points may be picks or not,
        the file counts in pixels
        of an unknown size, or picks lie outside and are not to be dropped.
    """
    voxel_size, shape = interpretation.voxel_size, interpretation.shape_zyx
    tilt_pixel_size = interpretation.tilt_pixel_size
    is_certain = interpretation.is_certain
    warnings: list[str] = []
    if not found.has_z and shape[0] > 1:
        raise ValueError(
            f"{path} ({found.kind}) has no z: its picks are of a micrograph, and the"
            f" tomogram has {shape[0]} slices; expected x, y and z, name another file"
        )
    found = picks_of_contours(path, found, interpretation.contours)
    if not is_certain:
        found, warnings = in_voxels_of_tomogram(path, found, voxel_size, shape)
        found, more = settle_pixel_size(path, found, voxel_size, shape)
        warnings += more
    position = position_from_coordinates(
        path,
        found,
        voxel_size,
        shape,
        tilt_pixel_size,
        interpretation.centre,
        interpretation.tilt_size_zyx,
    )
    warnings += _tilt_warning(path, found, tilt_pixel_size)
    within, more = check_positions(
        Reading(
            path=path,
            found=found,
            position_zyx=position,
            voxel_size=voxel_size,
            shape_zyx=shape,
        ),
        is_certain=is_certain,
        outside=interpretation.outside,
    )
    if not within.all():
        found = select_rows(found, np.flatnonzero(within))
    return found, position[within], warnings + more


def _tilt_warning(
    path: Path, found: Coordinates, tilt_pixel_size: float | None
) -> list[str]:
    """Return a warning if a file that counts in t says another t [Å] than the user."""
    own = found.tilt_pixel_size
    if isinstance(own, tuple):
        own = next((t for t in own if t != tilt_pixel_size), own[0])
    if (
        found.unit != "pixels of the tilt series"
        or tilt_pixel_size is None
        or own is None
        or abs(own - tilt_pixel_size) <= AGREES * tilt_pixel_size
    ):
        return []
    return [
        f"{path}: tilt_pixel_size {tilt_pixel_size:g} Å was set, the file says"
        f" {own:g} Å; taken as {tilt_pixel_size:g} Å"
    ]
