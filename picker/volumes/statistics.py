"""Mean, spread, percentiles and extremes of volumes that are read a block at a time.

A block fits into the processor's cache, so that nothing of a volume's size is made.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Volume = NDArray[Any]
    Region = NDArray[np.bool_] | None

BLOCK = 32_768
"""Voxels of a block, about: rows of one slice."""
MAX_QUANTILE_VOXELS = 4_000_000
"""Percentiles of larger volumes are taken from this many voxels, evenly spread."""


class Limits(NamedTuple):
    """Values at which a volume is clipped, as float32 holds them."""

    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float) -> Self:
        """Return the values next to these that float32 holds."""
        return cls(float(np.float32(low)), float(np.float32(high)))


def extremes(volume: Volume) -> tuple[float, float]:
    """Return the least and the greatest value; NaN if one is."""
    with np.errstate(invalid="ignore"):
        pairs = [(float(part.min()), float(part.max())) for part in volume]
    low, high = np.array(pairs).T
    return float(low.min()), float(high.max())


def mean_and_spread(
    volume: Volume, region: Region, limits: Limits | None = None
) -> tuple[float, float]:
    """Return mean and standard deviation, in double precision.

    Parameters
    ----------
    volume
        `(z, y, x)` of real numbers.
    region
        Shaped as `volume`; true for the voxels that count. None: all.
    limits
        What the volume is clipped at before, if at all.

    Raises
    ------
    ValueError
        If the region has no voxel.

    Source: sums of parts are joined as in Chan, Golub and LeVeque 1983, Algorithms for
    computing the sample variance, American Statistician 37.
    """
    parts = []
    largest = max(BLOCK, volume.shape[2])
    floats, doubles = np.empty(largest, np.float32), np.empty(largest)
    for part in _blocks(volume, region):
        block = doubles[: part.size]
        if limits:
            clipped = floats[: part.size]
            clipped[:] = part
            block[:] = np.clip(clipped, *limits, out=clipped)
        else:
            block[:] = part
        mean = block.sum() / part.size
        block -= mean
        parts.append((part.size, mean, block @ block))
    if not parts:
        raise ValueError("region has no voxel; expected some above 0, check the mask")
    num, means, squares = np.array(parts).T
    mean = float(num @ means / num.sum())
    square = float(squares.sum() + num @ (means - mean) ** 2)
    return mean, math.sqrt(square / num.sum())


def quantiles(
    volume: Volume, region: Region, fractions: tuple[float, float]
) -> NDArray[np.float64]:
    """Return two quantiles, of large volumes from a sample of their voxels."""
    return np.asarray(np.quantile(_sample(volume, region), fractions), np.float64)


def _sample(volume: Volume, region: Region) -> NDArray[np.float32]:
    """Return enough voxels that count, evenly spread, to take percentiles from."""
    num = volume.size if region is None else np.count_nonzero(region)
    step = math.ceil(num / MAX_QUANTILE_VOXELS)
    # A step that shares a factor with a row's length would see some columns only.
    row = math.prod(volume.shape[1:]) if region is None else 1
    while math.gcd(step, row) > 1:
        step += 1
    parts, seen = [], 0
    for z, plane in enumerate(volume):
        inside = plane.reshape(-1) if region is None else plane[region[z]]
        parts.append(inside[-seen % step :: step].astype(np.float32))
        seen += inside.size
    return np.concatenate(parts)


def _blocks(volume: Volume, region: Region) -> Iterator[Volume]:
    """Yield the voxels that count, `(voxel,)`, those of some rows at a time."""
    _, num, columns = volume.shape
    rows = max(1, BLOCK // columns)
    for z, plane in enumerate(volume):
        for y in range(0, num, rows):
            part = plane[y : y + rows].reshape(-1)
            if region is not None:
                inside = region[z, y : y + rows].reshape(-1)
                if not inside.all():
                    part = part[inside]
            if part.size:
                yield part
