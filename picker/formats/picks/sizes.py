"""What a file of voxels counts in, where its own pixel sizes leave that open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.plausible import CLEAR_RATIO, NEAR
from picker.formats.picks.units import PIXEL_SIZES, xyz
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.picks.records import Coordinates

SIZES_AGREE = 0.05
"""How far, as a fraction, a file's voxel size may be from the tomogram's."""
MICROGRAPH_SIZE = "rlnMicrographPixelSize"


def settled(
    path: Path, found: Coordinates, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> tuple[Coordinates, list[str]]:
    """Return coordinates of which is known what they count in, and warnings.

    Where a file names several pixel sizes, each and the tomogram's own voxels are
    tried. One is taken if it alone puts the picks into the tomogram, and not all of
    them into one corner.

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
        If a size cannot be, or more than one does so, or none: then all readings are
        shown.
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
        # One that agrees is the tomogram's, rounded.
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
    sizes = [*names, *([] if voxel_size in names else [voxel_size])]
    fitting = [s for s in sizes if _fits(found.value_zyx * s / voxel_size, shape_zyx)]
    is_mixed = any(isinstance(size, tuple) for size in found.doubtful_sizes.values())
    if len(fitting) != 1 or is_mixed:
        raise _unsure(path, found, names, fitting, voxel_size, shape_zyx)
    (size,) = fitting
    said = ", ".join(f"{size:g} Å ({name})" for size, name in names.items())
    return replace(settled, pixel_size=size), [
        f"{path} ({found.kind}) may count voxels of {said} or of the tomogram,"
        f" {voxel_size:g} Å; read as voxels of {size:g} Å, which alone put all"
        f" {len(found.value_zyx)} picks into the tomogram and not into one corner"
    ]


def _by_size(found: Coordinates, voxel_size: float) -> dict[float, str]:
    """Return different sizes that a file names: column; one that agrees is v itself."""
    names: dict[float, str] = {}
    for name, sizes in found.doubtful_sizes.items():
        for size in dict.fromkeys(sizes if isinstance(sizes, tuple) else (sizes,)):
            names.setdefault(voxel_size if _agree(size, voxel_size) else size, name)
    return names


def _refuse_impossible(path: Path, found: Coordinates) -> None:
    for name, sizes in (
        (MICROGRAPH_SIZE, found.pixel_size),
        *found.doubtful_sizes.items(),
    ):
        for size in sizes if isinstance(sizes, tuple) else (sizes,):
            if size is not None and not PIXEL_SIZES[0] <= size <= PIXEL_SIZES[1]:
                raise ValueError(
                    f"{path}: {name} is {size:g} Å; expected {PIXEL_SIZES[0]:g} to"
                    f" {PIXEL_SIZES[1]:g} Å, mend it or remove the column"
                )


def _fits(index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]) -> bool:
    """Return whether all picks lie in the tomogram, or near, and not in one corner."""
    shape = np.array(shape_zyx)
    is_inside = (index_zyx >= -0.5 - NEAR) & (index_zyx <= shape - 0.5 + NEAR)
    fills = (index_zyx.max(axis=0) + 0.5) * CLEAR_RATIO > shape
    return bool(is_inside.all() and fills.any())


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
    said = " or ".join(f"{size:g} Å ({name})" for size, name in others.items())
    read = "".join(
        f"read as pixels of {size:g} Å is at {xyz(first * size)} Å, " for size in others
    )
    which = "more than one of them puts" if fitting else "none of them puts"
    (size, *_) = others
    z, y, x = np.round(np.array(shape_zyx) * voxel_size / size).astype(int)
    return ValueError(
        f"{path} ({found.kind}) counts voxels of {said}; expected the tomogram's,"
        f" {voxel_size:g} Å: {xyz(first)} {read}read as voxels of the tomogram at"
        f" {xyz(first * voxel_size)} Å; {which} all picks into the tomogram and not"
        f" into one corner; convert it as you know it to be, as pixels of {size:g} Å:"
        f" picker convert {path.name} --voxel-size {size:g} --shape {z} {y} {x}"
        " --unit voxels --to picker ..., as voxels of the tomogram: --tomogram FILE"
        " --unit voxels"
    )


def _agree(size: float, voxel_size: float) -> bool:
    return abs(size - voxel_size) <= SIZES_AGREE * voxel_size
