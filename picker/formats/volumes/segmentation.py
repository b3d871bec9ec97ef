"""Segmentations: masks that may have other voxels than the tomogram they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.volumes.read import read_geometry, read_mask

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def read_segmentation(
    path: Path,
    shape_zyx: tuple[int, int, int],
    voxel_size: float,
    *,
    may_be_empty: bool = False,
) -> tuple[NDArray[np.bool_], float]:
    """Return `(z, y, x)` true where a segmentation is above 0, and its voxel size [Å].

    Programs that segment want voxels of a certain size. If it has others than the
    tomogram its file has to say which, and both have to show the same field.

    Parameters
    ----------
    path
        Any file that `read_tomogram` reads.
    shape_zyx, voxel_size
        The tomogram's number of voxels, and their edge [Å].
    may_be_empty
        Whether nothing need be above 0.

    Raises
    ------
    ValueError
        As `read_mask`, or if it shows another field than the tomogram.
    """
    # Of the tomogram's shape, its file need not say a voxel size.
    shape, _, _ = read_geometry(path, 1.0, may_be_stack=True, may_be_sparse=True)
    size = voxel_size
    if shape != tuple(shape_zyx):
        size = _size_in_field(path, shape, shape_zyx, voxel_size)
    return read_mask(path, shape, may_be_empty=may_be_empty), size


def _size_in_field(
    path: Path,
    shape: tuple[int, int, int],
    expected: tuple[int, int, int],
    voxel_size: float,
) -> float:
    """Return the voxel size [Å] of a volume that shows a tomogram in other voxels.

    Raises
    ------
    ValueError
        If its file does not say it, or it shows another field, off by a voxel or more.
    """
    got = f"segmentation {path} has shape {shape} (z, y, x)"
    wanted = (
        f"expected {tuple(expected)}, as the tomogram, or a voxel size with which both"
        " show the same field: make it of this tomogram, or write its voxel size into"
        " its header"
    )
    try:
        _, size, _ = read_geometry(path, may_be_stack=True, may_be_sparse=True)
    except ValueError as error:
        raise ValueError(f"{got}; {wanted} ({error})") from error
    off = [
        abs(ours * size - theirs * voxel_size)
        for ours, theirs in zip(shape, expected, strict=True)
    ]
    if max(off) >= max(size, voxel_size):
        raise ValueError(
            f"{got} and voxels of {size:g} Å, the tomogram's are of {voxel_size:g} Å;"
            f" {wanted}"
        )
    return size
