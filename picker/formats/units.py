"""From a file's own numbers to Å, and a look at whether its unit can be true.

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

FEWEST_TO_WARN = 3
FEWEST_TO_REFUSE = 10
"""So many picks in a corner of the tomogram are no accident."""
CLEAR_RATIO = 4
"""Voxel over pixel from which picks read too small fill a clearly too small corner."""
PIXEL_SIZES = (0.01, 1000.0)
"""Pixel sizes [Å] that a tilt series can have."""
SIZES_AGREE = 0.05
"""How far, as a fraction, a file's voxel size may be from the tomogram's."""
OUR_KIND = "picker STAR"
NEAR = 2.0
"""Voxels beyond a face within which a pick is a stray, not one of another unit."""
FIRST_VOXELS = 2.0
"""Numbers that are all smaller are rather parts of the tomogram than voxels of it."""
EPSILON = 1e-6
"""Slack at the faces [voxels]: files hold six decimals."""


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


def check_positions(
    path: Path,
    found: Coordinates,
    position_zyx: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    *,
    is_certain: bool = False,
) -> list[str]:
    """Return warnings about positions whose unit may be another; refuse clear cases.

    Parameters
    ----------
    path
        The file, for messages.
    found
        Its coordinates, those of this tomogram alone.
    position_zyx
        The same in Å.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    is_certain
        The user named the unit: only the volume's faces are looked at.

    Raises
    ------
    ValueError
        If picks lie outside of the volume, or the numbers make sense in another unit
        alone: then both readings are shown.
    """
    index = position_zyx / voxel_size
    outside = ~np.all(inside(index, shape_zyx), axis=1)
    others = _other_readings(found, voxel_size, shape_zyx)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        # One stray pick near a face is no other unit: most lie far outside then.
        beyond = np.maximum(-index, index - (np.array(shape_zyx) - 1)).max(axis=1)
        is_unit = 2 * outside.sum() >= len(outside) and beyond.max() > NEAR
        for unit, other in others.items():
            if is_unit and inside(other / voxel_size, shape_zyx).all():
                raise ValueError(
                    f"{path} ({found.kind}) has its numbers in another unit:"
                    f" {_both(found, first, position_zyx, unit, other, voxel_size)};"
                    f" read as {found.unit} {outside.sum()} of {len(outside)} picks lie"
                    f" outside of the tomogram, read as {unit} none does;"
                    f" {_advice(path, unit)}"
                )
        raise ValueError(
            f"{path} ({found.kind}) has {outside.sum()} of {len(outside)} picks outside"
            f" of the tomogram, the first, pick {first + 1}, at x, y, z"
            f" {xyz(position_zyx[first])} Å, voxel {xyz(index[first])}; expected 0, 0,"
            f" 0 to {xyz((np.array(shape_zyx) - 1) * voxel_size)} Å; remove picks that"
            " lie outside, or check the voxel size, the tomogram and the file"
        )
    if is_certain:
        return []
    _refuse_first_voxels(path, found, position_zyx, voxel_size, shape_zyx)
    # Our own files say their unit; who wrote them knew it.
    if found.kind != OUR_KIND:
        _refuse_corner(path, found, position_zyx, others, voxel_size, shape_zyx)
    return _warn_of_voxels(path, found, position_zyx, voxel_size, shape_zyx)


def _other_readings(
    found: Coordinates, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> dict[str, NDArray[np.float64]]:
    """Return unit: positions [Å] for the mistakes that are made with a unit."""
    value = found.value_zyx
    centre = middle(shape_zyx, voxel_size)
    match found.unit:
        case "Å":
            return {"voxels": value * voxel_size}
        case "voxels":
            return {"Å": value}
        case "Å from the centre":
            return {
                "Å": value,
                "voxels from the centre": value * voxel_size + centre,
                "voxels": value * voxel_size,
            }
        case "pixels from the centre":
            return {"voxels": value * voxel_size, "Å from the centre": value + centre}
        case "pixels of the tilt series":
            return {"voxels": value * voxel_size, "Å": value}
        case "fractions of the tomogram":
            return {}


def _refuse_corner(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    others: dict[str, NDArray[np.float64]],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> None:
    """Refuse many picks in the first corner if they fill the tomogram as voxels."""
    other = others.get("voxels")
    if (
        other is None
        or found.unit not in ("Å", "pixels of the tilt series")
        or len(position) < FEWEST_TO_REFUSE
        or not inside(other / voxel_size, shape_zyx).all()
    ):
        return
    size = np.array(shape_zyx) * voxel_size
    extent = np.ptp(other, axis=0)
    is_corner = (position.max(axis=0) * CLEAR_RATIO <= size).all()
    # z may be thin: a lamella fills a part of it.
    if is_corner and (extent[1:] > size[1:] / 2).all():
        raise ValueError(
            f"{path} ({found.kind}) has its numbers in another unit:"
            f" {_both(found, 0, position, 'voxels', other, voxel_size)}; read as"
            f" {found.unit} all {len(position)} picks lie in one corner, read as voxels"
            f" they fill the tomogram; {_advice(path, 'voxels')}"
        )


def _refuse_first_voxels(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> None:
    """Refuse voxels that all lie in the tomogram's first: they may be parts of it."""
    value = found.value_zyx
    fewest = 1 if found.kind.startswith("Warp") else FEWEST_TO_REFUSE
    if (
        found.unit != "voxels"
        or len(value) < fewest
        or (np.abs(value) >= FIRST_VOXELS).any()
        or (value == np.round(value)).all()
        or min(shape_zyx) < CLEAR_RATIO * FIRST_VOXELS
    ):
        return
    unit = "fractions of the tomogram"
    other = value * np.array(shape_zyx) * voxel_size
    raise ValueError(
        f"{path} ({found.kind}) may have its numbers in another unit:"
        f" {_both(found, 0, position, unit, other, voxel_size)}; read as voxels all"
        f" {len(value)} picks lie within the tomogram's first two voxels;"
        f" {_advice(path, unit)}, or with --unit voxels if they are"
    )


def _warn_of_voxels(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> list[str]:
    """Return a warning if positions in Å look like voxels: whole and small."""
    if (
        found.unit != "Å"
        or len(position) < FEWEST_TO_WARN
        or (position >= np.array(shape_zyx)).any()
        or (position != np.round(position)).any()
    ):
        return []
    return [
        f"{path}: all {len(position)} positions are whole numbers below the"
        f" tomogram's number of voxels; the first, read as Å, is voxel"
        f" {xyz(position[0] / voxel_size)}, read as voxels it would be at"
        f" {xyz(position[0] * voxel_size)} Å; if they are voxels, multiply them by"
        f" {voxel_size:g}"
    ]


def _both(
    found: Coordinates,
    row: int,
    position: NDArray[np.float64],
    unit: str,
    other: NDArray[np.float64],
    voxel_size: float,
) -> str:
    """Return one pick's numbers read in both ways."""
    return (
        f"{xyz(found.value_zyx[row])} read as {found.unit} is voxel"
        f" {xyz(position[row] / voxel_size)}, read as {unit} it is voxel"
        f" {xyz(other[row] / voxel_size)}"
    )


def _advice(path: Path, unit: str) -> str:
    known = {
        "Å": "angstrom",
        "voxels": "voxels",
        "fractions of the tomogram": "fractions",
    }
    if unit in known:
        return (
            f"mend the file, or convert it: picker convert {path.name} --unit"
            f" {known[unit]} --to picker ..."
        )
    return "mend the file"


def inside(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return where an index is between the outer faces of first and last voxel."""
    within: NDArray[np.bool_] = (index_zyx >= -0.5 - EPSILON) & (
        index_zyx <= np.array(shape_zyx) - 0.5 + EPSILON
    )
    return within


def xyz(value_zyx: NDArray[np.float64]) -> str:
    """Return x, y, z as text."""
    return "(" + ", ".join(f"{value:.4g}" for value in value_zyx[::-1]) + ")"
