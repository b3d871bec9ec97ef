"""The voxels of a volume that count: their mean and spread, and where they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

    Volume = NDArray[np.float32]


def mean_and_spread(
    volume: Volume, region: NDArray[np.bool_] | None
) -> tuple[float, float]:
    """Return mean and standard deviation.

    Parameters
    ----------
    volume
        `(z, y, x)`.
    region
        Shaped as `volume`; true for the voxels that count. None: all.

    Raises
    ------
    ValueError
        If the region is empty.
    """
    num = volume.size if region is None else int(region.sum())
    if num == 0:
        raise ValueError("region has no voxel; expected some above 0, check the mask")
    total = sum(float(p.sum(dtype=np.float64)) for p in _slices(volume, region))
    mean = total / num
    square = sum(
        float(((part.astype(np.float64) - mean) ** 2).sum())
        for part in _slices(volume, region)
    )
    return mean, math.sqrt(square / num)


def resampled(
    region: NDArray[np.bool_], shape: tuple[int, ...], ratio: Fraction
) -> NDArray[np.bool_]:
    """Return the region on a grid of voxels `ratio` times as large."""
    z, y, x = (
        np.minimum(np.round(np.arange(new) * float(ratio)).astype(int), old - 1)
        for new, old in zip(shape, region.shape, strict=True)
    )
    return region[np.ix_(z, y, x)]


def _slices(volume: Volume, region: NDArray[np.bool_] | None) -> Iterator[Volume]:
    """Yield the voxels that count, slice by slice to save memory."""
    if region is None:
        yield from volume
    else:
        yield from (part[inside] for part, inside in zip(volume, region, strict=True))
