"""The size of the voxels that a file counts, where its pixel sizes leave that open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.bounds import NEAR, few_strays
from picker.formats.picks.star_sizes import MICROGRAPH_SIZE
from picker.formats.picks.unit_mistakes import CLEAR_RATIO, FEWEST_TO_REFUSE
from picker.formats.picks.units import PIXEL_SIZES, xyz
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.picks.records import Coordinates

SIZES_AGREE = 0.05
"""How far, as a fraction, a file's voxel size may be from the tomogram's."""
CORNER = 3
"""Picks in the first such part of every axis lie in a corner: binning is mostly by 4 or
8, and by 4 picks that fill the tomogram stay in its first quarter."""
BESIDE = 0.05
"""Fraction of an axis beyond its end up to which picks rule no size out."""


def settle_pixel_size(
    path: Path, found: Coordinates, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> tuple[Coordinates, list[str]]:
    """Return coordinates that count voxels of a known size, and warnings.

    Where a file names pixel sizes, each of them and the tomogram's own voxel size are
    tried. A size is taken if it alone puts the picks into the tomogram and not all of
    them into one corner. The tomogram's own is taken if the file names it and it fits,
    whatever else the file names. Few picks may well lie in one corner, if that is not
    tiny: then the tomogram's own size does not win over one that the file names.

    Parameters
    ----------
    path
        The file, for messages.
    found
        The coordinates of one tomogram.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.

    Raises
    ------
    ValueError
        If a size is not plausible, or more than one size fits, or none does: then all
        readings are shown.
    """
    if found.unit != "voxels":
        return found, []
    own = found.pixel_size
    _refuse_impossible(path, found)
    if isinstance(own, tuple):
        raise ValueError(
            f"{path} counts one tomogram in pixels of several sizes"
            f" ({listed(f'{s:g}' for s in sorted(set(own)))} Å); expected one, split"
            " the file"
        )
    if own is not None:
        # A size that agrees is the tomogram's own, rounded.
        if _agree(own, voxel_size):
            return replace(found, pixel_size=None), []
        return found, [
            f"{path} counts pixels of {own:g} Å ({MICROGRAPH_SIZE}), the tomogram's"
            f" voxels are {voxel_size:g} Å; read as pixels of {own:g} Å"
        ]
    names = _by_size(found, voxel_size)
    settled = replace(found, doubtful_sizes={})
    if set(names) <= {voxel_size} or not len(found.value_zyx):
        return settled, []
    index = {
        size: found.value_zyx * (size / voxel_size)
        for size in dict.fromkeys([*names, voxel_size])
    }
    inside = [size for size, zyx in index.items() if _are_inside(zyx, shape_zyx)]
    fitting = [size for size in inside if not _are_in_corner(index[size], shape_zyx)]
    is_mixed = any(isinstance(size, tuple) for size in found.doubtful_sizes.values())
    # With the tomogram's own all picks may lie in a corner, if with others they do too.
    is_own = voxel_size in names and voxel_size in (fitting or inside)
    if is_own and not is_mixed:
        return settled, []
    if fitting == [voxel_size] and len(found.value_zyx) < FEWEST_TO_REFUSE:
        fitting = [size for size in inside if size * CLEAR_RATIO > voxel_size]
    if len(fitting) != 1 or is_mixed:
        raise _unsure(path, found, names, fitting, voxel_size, shape_zyx)
    (size,) = fitting
    sizes = ", ".join(f"{size:g} Å ({name})" for size, name in names.items())
    return replace(settled, pixel_size=size), [
        f"{path} ({found.kind}) may count voxels of {sizes} or of the tomogram,"
        f" {voxel_size:g} Å; read as voxels of {size:g} Å, which alone put the"
        f" {len(found.value_zyx)} picks into the tomogram and not into one corner"
    ]


def _by_size(found: Coordinates, voxel_size: float) -> dict[float, str]:
    """Return size: column of those a file names; one that agrees with v is v itself."""
    names: dict[float, str] = {}
    for name, sizes in found.doubtful_sizes.items():
        for size in dict.fromkeys(sizes if isinstance(sizes, tuple) else (sizes,)):
            names.setdefault(voxel_size if _agree(size, voxel_size) else size, name)
    return names


def _refuse_impossible(path: Path, found: Coordinates) -> None:
    """Refuse sizes that no pixel of a micrograph or tomogram has."""
    for name, sizes in (
        (MICROGRAPH_SIZE, found.pixel_size),
        *found.doubtful_sizes.items(),
    ):
        for size in sizes if isinstance(sizes, tuple) else (sizes,):
            if size is not None and not PIXEL_SIZES[0] <= size <= PIXEL_SIZES[1]:
                raise ValueError(
                    f"{path}: {name} is {size:g} Å; expected {PIXEL_SIZES[0]:g} to"
                    f" {PIXEL_SIZES[1]:g} Å, fix it or remove the column"
                )


def _are_inside(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> bool:
    """Return whether all picks but a few strays lie in the tomogram or near it."""
    shape = np.array(shape_zyx)
    near = np.maximum(NEAR, BESIDE * shape)
    is_near = (index_zyx >= -0.5 - near) & (index_zyx <= shape - 0.5 + near)
    return bool(is_near.all()) or few_strays(index_zyx, shape_zyx)


def _are_in_corner(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> bool:
    """Return whether no pick leaves the first third of any axis."""
    fills = (index_zyx.max(axis=0) + 0.5) * CORNER > np.array(shape_zyx)
    return not fills.any()


def _unsure(
    path: Path,
    found: Coordinates,
    names: dict[float, str],
    fitting: Sequence[float],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> ValueError:
    """Return the error that shows all readings of the first pick."""
    first = found.value_zyx[0]
    others = {size: name for size, name in names.items() if size != voxel_size}
    sizes = " or ".join(f"{size:g} Å ({name})" for size, name in others.items())
    readings = "".join(
        f"read as pixels of {size:g} Å is at {xyz(first * size)} Å, " for size in others
    )
    which = "more than one of them puts" if fitting else "none of them puts"
    corner = ""
    if len(found.value_zyx) < FEWEST_TO_REFUSE:
        corner = " (so few picks may lie in one)"
    (size, *_) = others
    z, y, x = np.round(np.array(shape_zyx) * voxel_size / size).astype(int)
    return ValueError(
        f"{path} ({found.kind}) counts voxels of {sizes}; expected the tomogram's,"
        f" {voxel_size:g} Å: {xyz(first)} {readings}read as voxels of the tomogram at"
        f" {xyz(first * voxel_size)} Å; {which} all picks into the tomogram and not"
        f" into one corner{corner}; convert it as you know it to be, as pixels of"
        f" {size:g} Å: picker convert {path.name} --voxel-size {size:g} --shape {z}"
        f" {y} {x} --unit voxels --to picker ..., as voxels of the tomogram: --tomogram"
        " FILE --unit voxels"
    )


def _agree(size: float, voxel_size: float) -> bool:
    return abs(size - voxel_size) <= SIZES_AGREE * voxel_size
