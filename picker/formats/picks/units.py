"""From a file's own numbers to Å.

`v` is the tomogram's voxel size and `t` the tilt series' pixel size [Å].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.formats.text import listed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.picks.records import Centre, Coordinates, Unit

PIXEL_SIZES = (0.01, 1000.0)
"""Pixel sizes [Å] that a tilt series can have."""
NAMED_UNITS: dict[str, Unit] = {
    "angstrom": "Å",
    "voxels": "voxels",
    "fractions": "fractions of the tomogram",
}
"""Units that a user may name (`picker convert --unit`)."""


def position_from_coordinates(
    path: Path,
    found: Coordinates,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    tilt_pixel_size: float | None = None,
    centre: Centre = "size/2",
    tilt_size_zyx: tuple[int, int, int] | None = None,
) -> NDArray[np.float64]:
    """Return `(n, 3)` positions [Å, zyx] of what a file of picks says.

    Parameters
    ----------
    path
        The file, for messages.
    found
        Its coordinates; the size of its voxels is settled (`pixel_size`).
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    tilt_pixel_size
        t [Å]; None: as the file says.
    centre
        What RELION 5 calls 0.
    tilt_size_zyx
        Size of the tomogram in pixels of t; None: its own, rounded to such.

    Raises
    ------
    ValueError
        If pixels of the tilt series come without t, or t is not plausible.

    Source: RELION 5 tomography documentation; 3dem/relion#1137; for EMAN2,
    https://github.com/cryoem/eman2, programs/e2spt_tempmatch.py.
    """
    t = found.tilt_pixel_size
    # EMAN2's files count in pixels of their own, whatever the tilt series has.
    if tilt_pixel_size is not None and found.unit != "pixels from the centre":
        t = tilt_pixel_size
    if isinstance(t, tuple):
        raise ValueError(
            f"{path} gives one tomogram tilt series of several pixel sizes"
            f" ({listed(f'{size:g}' for size in sorted(set(t)))} Å); expected one; give"
            " different tomograms different names, or fill in the column"
            " tilt_pixel_size of the table"
        )
    if t is not None and not PIXEL_SIZES[0] <= t <= PIXEL_SIZES[1]:
        raise ValueError(
            f"{path}: the tilt series' pixel size is {t:g} Å; expected"
            f" {PIXEL_SIZES[0]:g} to {PIXEL_SIZES[1]:g} Å, fix it"
        )
    position = _unshifted(path, found, voxel_size, shape_zyx, t, centre, tilt_size_zyx)
    return position if found.shift_zyx is None else position + found.shift_zyx


def _unshifted(
    path: Path,
    found: Coordinates,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    t: float | None,
    centre: Centre,
    tilt_size_zyx: tuple[int, int, int] | None,
) -> NDArray[np.float64]:
    """Return the positions [Å] before a refinement's shifts are added."""
    value = found.value_zyx
    size: NDArray[np.float64] = np.array(shape_zyx) * voxel_size
    match found.unit:
        case "Å":
            return value
        case "voxels":
            size_of_one = found.pixel_size
            if isinstance(size_of_one, tuple) or found.doubtful_sizes:
                raise TypeError("the size of voxels is not settled; see pixel_size.py")
            return value * (voxel_size if size_of_one is None else size_of_one)
        case "fractions of the tomogram":
            return value * size
        case "Å from the centre":
            return value + centre_position(
                shape_zyx, voxel_size, t, centre, tilt_size_zyx
            )
        case "pixels from the centre":
            return value * (voxel_size if t is None else t) + size / 2
        case "pixels of the tilt series":
            if t is None:
                first = value[:1] if len(value) else np.zeros((1, 3))
                raise ValueError(
                    f"{path} counts in pixels of the tilt series (rlnTomoName with"
                    " rlnCoordinateX/Y/Z) and does not say their size; fill in the"
                    " column tilt_pixel_size of the table (picker convert"
                    " --tilt-pixel-size), or add rlnTomoTiltSeriesPixelSize to its"
                    " data_optics. If they are voxels"
                    f" of the tomogram, as some programs write, {xyz(first[0])} is at"
                    f" {xyz(first[0] * voxel_size)} Å: picker convert {path.name}"
                    " --unit voxels --to picker ..."
                )
            return (value - 1) * t


def centre_position(
    shape_zyx: tuple[int, int, int],
    voxel_size: float,
    tilt_pixel_size: float | None = None,
    centre: Centre = "size/2",
    tilt_size_zyx: tuple[int, int, int] | None = None,
) -> NDArray[np.float64]:
    """Return the position [Å, zyx] that RELION 5 calls 0.

    It is half the unbinned size in whole pixels of t. Where that is not known, it is
    the tomogram's own size rounded to such pixels: up to half a voxel off, because the
    tomogram's size was rounded too. Parameters as in `position_from_coordinates`.
    """
    t = tilt_pixel_size or voxel_size
    unbinned = np.floor(np.array(shape_zyx) * voxel_size / t + 0.5)
    if tilt_size_zyx is not None:
        unbinned = np.array(tilt_size_zyx, np.float64)
    position: NDArray[np.float64] = (
        unbinned / 2 - (1 if centre == "size/2-1" else 0)
    ) * t
    return position


def middle(shape_zyx: tuple[int, int, int], voxel_size: float) -> NDArray[np.float64]:
    """Return the position [Å, zyx] that EMAN2 calls 0: half the size, unrounded."""
    return np.array(shape_zyx) * (voxel_size / 2)


def xyz(value_zyx: NDArray[np.float64]) -> str:
    """Return x, y, z as text."""
    return "(" + ", ".join(f"{value:.4g}" for value in value_zyx[::-1]) + ")"
