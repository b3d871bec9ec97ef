"""A tomogram from whichever kind of file it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats import mrc, ome_zarr
from picker.tomogram import Tomogram

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MIN_SIZE = 16
"""Fewest voxels along an axis that the network can look at."""


def read_tomogram(
    path: Path, name: str, voxel_size: float | None = None
) -> tuple[Tomogram, list[str]]:
    """Return a tomogram in memory, as float32, and warnings about its file.

    Parameters
    ----------
    path
        MRC file or Zarr folder; told apart by content, not by name.
    name
        What to call it.
    voxel_size
        Overrides the file's [Å].

    Raises
    ------
    ValueError
        If the file cannot be read, or holds no usable volume.
    """
    lazy, size, warnings = _open(path, voxel_size)
    if min(lazy.shape) < MIN_SIZE:
        raise ValueError(
            f"{path} has {lazy.shape} voxels (z, y, x); expected at least {MIN_SIZE}"
            " along each axis"
        )
    volume = np.array(lazy[:], np.float32)
    bad = volume.size - int(np.isfinite(volume).sum())
    if bad:
        raise ValueError(
            f"{path} has {bad} voxels that are not finite; reconstruct it again"
        )
    if volume.min() == volume.max():
        raise ValueError(f"{path} is constant ({volume.flat[0]:g}); it shows nothing")
    if volume.shape[0] > min(volume.shape[1:]):
        warnings.append(
            f"{path} has {volume.shape} voxels (z, y, x): z is not the thinnest axis;"
            " if it was never rotated after reconstruction, rotate it about x"
        )
    return Tomogram(name=name, volume=volume, voxel_size=size), warnings


def read_mask(
    path: Path, shape_zyx: tuple[int, int, int] | None = None
) -> NDArray[np.bool_]:
    """Return where a mask is above 0.

    Raises
    ------
    ValueError
        If its shape is not the expected one, or nothing is above 0.
    """
    lazy, _, _ = _open(path, 1.0)
    if shape_zyx is not None and lazy.shape != shape_zyx:
        raise ValueError(
            f"mask {path} has {lazy.shape} voxels (z, y, x), its tomogram {shape_zyx};"
            " make a mask of the same size"
        )
    mask: NDArray[np.bool_] = np.asarray(lazy[:]) > 0
    if not mask.any():
        raise ValueError(f"mask {path} is nowhere above 0; no pick could be kept")
    return mask


def _open(path: Path, voxel_size: float | None) -> tuple[Any, float, list[str]]:
    if path.is_dir():
        array, size, warnings = ome_zarr.open_volume(path, voxel_size)
        ome_zarr.check_chunks(path, array)
        return array, size, warnings
    if not path.exists():
        raise ValueError(f"{path} does not exist; mend the path")
    return mrc.read_volume(path, voxel_size)
