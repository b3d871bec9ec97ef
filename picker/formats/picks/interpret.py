"""Where the picks of a file lie in a tomogram: one way for all who read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from picker.formats.picks.drawn import in_voxels_of, picks_of_contours
from picker.formats.picks.plausible import check_positions
from picker.formats.picks.sizes import settled
from picker.formats.picks.units import position_from_coordinates

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from picker.config import Contours, Outside
    from picker.formats.picks.records import Centre, Coordinates

AGREES = 0.01
"""Pixel sizes that differ by a smaller fraction are the same, rounded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A tomogram, and what a user says of the picks that are read for it.

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
        What becomes of picks outside.
    contours
        What is a pick in contours of several points; None: unknown.
    is_certain
        The unit of the numbers was named by the user.
    """

    voxel_size: float
    shape_zyx: tuple[int, int, int]
    tilt_pixel_size: float | None = None
    tilt_size_zyx: tuple[int, int, int] | None = None
    centre: Centre = "size/2"
    outside: Outside = "drop_few"
    contours: Contours | None = None
    is_certain: bool = False


def placed(
    path: Path, found: Coordinates, place: Place
) -> tuple[Coordinates, NDArray[np.float64], list[str]]:
    """Return the rows in the tomogram, their `(n, 3)` positions [Å, zyx], and warnings.

    Parameters
    ----------
    path
        The file, for messages.
    found
        Its rows of this tomogram alone.
    place
        The tomogram.

    Raises
    ------
    ValueError
        If contours of several points may be picks or not, the file counts in pixels
        that are not known, or picks lie outside and are not to be left out.
    """
    found = picks_of_contours(path, found, place.contours)
    warnings: list[str] = []
    if not place.is_certain:
        found, warnings = in_voxels_of(path, found, place.voxel_size, place.shape_zyx)
        found, said = settled(path, found, place.voxel_size, place.shape_zyx)
        warnings += said
    position = position_from_coordinates(
        path,
        found,
        place.voxel_size,
        place.shape_zyx,
        place.tilt_pixel_size,
        place.centre,
        place.tilt_size_zyx,
    )
    warnings += _tilt_warning(path, found, place.tilt_pixel_size)
    within, said = check_positions(
        path,
        found,
        position,
        place.voxel_size,
        place.shape_zyx,
        is_certain=place.is_certain,
        outside=place.outside,
    )
    particle = found.particle
    if not within.all():
        found = replace(
            found,
            value_zyx=found.value_zyx[within],
            score=found.score[within],
            particle=None
            if particle is None
            else [name for name, keep in zip(particle, within, strict=True) if keep],
        )
    return found, position[within], warnings + said


def _tilt_warning(path: Path, found: Coordinates, given: float | None) -> list[str]:
    """Return a warning if a file of the tilt series' pixels knows another size."""
    said = found.tilt_pixel_size
    if isinstance(said, tuple):
        said = next((t for t in said if given is None or t != given), said[0])
    if (
        found.unit != "pixels of the tilt series"
        or given is None
        or said is None
        or abs(said - given) <= AGREES * given
    ):
        return []
    return [
        f"{path}: tilt_pixel_size {given:g} Å was set, the file says {said:g} Å; taken"
        f" as {given:g} Å"
    ]
