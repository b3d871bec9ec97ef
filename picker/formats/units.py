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

    from picker.formats.records import Centre, Coordinates

PIXEL_SIZES = (0.01, 1000.0)
"""Pixel sizes [Å] that a tilt series can have."""
SIZES_AGREE = 0.05
"""How far, as a fraction, a file's voxel size may be from the tomogram's."""


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
        Its coordinates.
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
        If pixels of the tilt series come without t, t cannot be believed, or the file
        may count voxels of another size.

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
            f" ({listed(f'{size:g}' for size in sorted(set(t)))} Å); expected one, name"
            " tomograms that differ differently, or fill in the column tilt_pixel_size"
            " of the table"
        )
    if t is not None and not PIXEL_SIZES[0] <= t <= PIXEL_SIZES[1]:
        raise ValueError(
            f"{path}: the tilt series' pixel size is {t:g} Å; expected"
            f" {PIXEL_SIZES[0]:g} to {PIXEL_SIZES[1]:g} Å, mend it"
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
            return value * _counted_in(path, found, voxel_size, shape_zyx)
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
                raise ValueError(
                    f"{path} counts in pixels of the tilt series (rlnTomoName with"
                    " rlnCoordinateX/Y/Z) and does not say their size; fill in the"
                    " column tilt_pixel_size of the table, or add"
                    " rlnTomoTiltSeriesPixelSize to its data_optics"
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

    Half the unbinned size, in whole pixels of t; where it is not known the tomogram's
    own, rounded to such: up to half a voxel off, as tomograms are rounded themselves.
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


def _counted_in(
    path: Path,
    found: Coordinates,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> float:
    """Return the size [Å] of what a file of voxels counts in.

    Raises
    ------
    ValueError
        If a pixel size in the file is another than the tomogram's, and it is not sure
        that the coordinates are counted in it: then both readings are shown.
    """
    own = found.pixel_size
    for name, sizes in (("rlnMicrographPixelSize", own), *found.doubtful_sizes.items()):
        each = sizes if isinstance(sizes, tuple) else (sizes,)
        for size in each:
            if size is not None and not PIXEL_SIZES[0] <= size <= PIXEL_SIZES[1]:
                raise ValueError(
                    f"{path}: {name} is {size:g} Å; expected {PIXEL_SIZES[0]:g} to"
                    f" {PIXEL_SIZES[1]:g} Å, mend it or remove the column"
                )
    for name, sizes in found.doubtful_sizes.items():
        for size in sizes if isinstance(sizes, tuple) else (sizes,):
            if not _agree(size, voxel_size) and len(found.value_zyx):
                first = found.value_zyx[0]
                z, y, x = np.round(np.array(shape_zyx) * voxel_size / size).astype(int)
                raise ValueError(
                    f"{path} ({found.kind}) counts voxels of {size:g} Å ({name});"
                    f" expected the tomogram's, {voxel_size:g} Å: {xyz(first)} read as"
                    f" pixels of {size:g} Å is at {xyz(first * size)} Å, read as voxels"
                    f" of the tomogram at {xyz(first * voxel_size)} Å; convert it as"
                    f" the first: picker convert {path.name} --voxel-size {size:g}"
                    f" --shape {z} {y} {x} --unit voxels --to picker ..., or as the"
                    " second: --tomogram FILE --unit voxels"
                )
    if isinstance(own, tuple):
        raise ValueError(
            f"{path} counts one tomogram in pixels of several sizes"
            f" ({listed(f'{s:g}' for s in sorted(set(own)))} Å); expected one, split"
            " the file"
        )
    # One that agrees is the tomogram's, rounded.
    return voxel_size if own is None or _agree(own, voxel_size) else own


def pixel_size_warning(path: Path, found: Coordinates, voxel_size: float) -> list[str]:
    """Return a warning if a file counts in pixels that are not the tomogram's voxels.

    `found` holds one tomogram alone.
    """
    size = found.pixel_size
    if not isinstance(size, float) or _agree(size, voxel_size):
        return []
    return [
        f"{path} counts pixels of {size:g} Å (rlnMicrographPixelSize), the tomogram's"
        f" voxels are {voxel_size:g} Å; read as pixels of {size:g} Å"
    ]


def _agree(size: float, voxel_size: float) -> bool:
    return abs(size - voxel_size) <= SIZES_AGREE * voxel_size


def xyz(value_zyx: NDArray[np.float64]) -> str:
    """Return x, y, z as text."""
    return "(" + ", ".join(f"{value:.4g}" for value in value_zyx[::-1]) + ")"
