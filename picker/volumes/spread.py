"""How much the voxels of a tomogram differ: the spread along z, in columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Volume = NDArray[Any]

LAYER = 60.0
"""Thickness of the layers whose spread is taken [Å]."""
TILE = 500.0
"""Edge, along y and x, of the columns in which faces are looked for [Å]."""
MAX_LAYERS, MIN_LAYERS = 64, 6
"""Layers of a tomogram: thicker ones if there were more, no faces if there are less."""
MIN_COLUMNS = 4
"""Columns along y, and along x, of a tomogram that is narrow."""
FEWEST, ENOUGH = 250, 2500
"""Voxels of a layer in a column: as few as give a spread, and as many as are read."""
CLIP = 5.0
"""Distance from the median at which voxels are clipped, as a gold bead's are [robust
standard deviations]."""


class Profiles(NamedTuple):
    """The spread along z in each column of a tomogram.

    Attributes
    ----------
    height
        `(column, layer)` logarithm of the standard deviation.
    z
        `(layer,)` middles of the layers [Å].
    y, x
        `(column,)` middles of the columns [Å].
    """

    height: Floats
    z: Floats
    y: Floats
    x: Floats


def profiles_of(volume: Volume, voxel_size: float) -> Profiles | None:
    """Return each column's spread by layer.

    None if the volume is too small, or if there is nothing in it to compare. Constant
    margins are left out.

    Parameters
    ----------
    volume
        `(z, y, x)` density; left unchanged, and read a layer at a time.
    voxel_size
        Edge of a voxel [Å].
    """
    starts, volume = _without_padding(volume)
    nz, ny, nx = volume.shape
    tall = max(1, round(LAYER / voxel_size), math.ceil(nz / MAX_LAYERS))
    wide = max(TILE / voxel_size, math.sqrt(FEWEST / tall))
    layers = nz // tall
    rows, columns = (max(MIN_COLUMNS, int(size // wide)) for size in (ny, nx))
    high, broad = ny // rows, nx // columns
    if layers < MIN_LAYERS or tall * high * broad < FEWEST:
        return None
    # Neighbours are much alike in a smooth tomogram: every other row says as much.
    step = max(1, tall * high * broad // ENOUGH)
    step = min(step, high)
    middle, reach = _middle_and_reach(volume)
    if not 0 < reach < math.inf:
        return None
    spread = np.empty((layers, rows, columns))
    for layer in range(layers):
        read = volume[
            layer * tall : (layer + 1) * tall, : rows * high, : columns * broad
        ]
        part = read.reshape(tall, rows, high, columns, broad)[:, :, ::step]
        part = (part.astype(np.float32) - np.float32(middle)) / np.float32(reach)
        np.clip(part, -1, 1, out=part)
        num = tall * part.shape[2] * broad
        mean = part.sum(axis=4).sum(axis=(0, 2), dtype=np.float64) / num
        square = np.einsum("...x,...x->...", part, part)
        square = square.sum(axis=(0, 2), dtype=np.float64) / num
        spread[layer] = np.sqrt(np.maximum(square - mean**2, 0))
    if not np.isfinite(spread).all():
        return None
    z, y, x = (
        (start + (np.arange(num) + 0.5) * size - 0.5) * voxel_size
        for start, num, size in zip(
            starts, spread.shape, (tall, high, broad), strict=True
        )
    )
    y, x = (place.ravel() for place in np.meshgrid(y, x, indexing="ij"))
    return _of_image(spread.reshape(layers, -1).T, z, y, x)


def _without_padding(
    volume: Volume,
) -> tuple[list[int], Volume]:
    """Return a volume's part without constant margins, and where it starts [voxels]."""
    starts = [0, 0, 0]
    for axis in (2, 1, 0):
        # A few rows of each slice say whether it is constant.
        thinned = [slice(None, None, 8)] * 3
        thinned[axis] = slice(None)
        others = tuple(other for other in range(3) if other != axis)
        some = volume[tuple(thinned)]
        if not some.size:
            break
        image = np.flatnonzero(some.min(axis=others) < some.max(axis=others))
        first, last = (image[0], image[-1]) if len(image) else (0, -1)
        starts[axis] = int(first)
        volume = volume.swapaxes(0, axis)[first : last + 1].swapaxes(0, axis)
    return starts, volume


def _middle_and_reach(volume: Volume) -> tuple[float, float]:
    """Return the median, and how far from it voxels are clipped."""
    steps = (math.ceil(size / 60) for size in volume.shape)
    some = volume[tuple(slice(step // 2, None, step) for step in steps)]
    some = some.astype(np.float64)
    middle = float(np.median(some))
    low, high = np.quantile(some, (0.16, 0.84))
    return middle, CLIP * float(high - low) / 2


def _of_image(spread: Floats, z: Floats, y: Floats, x: Floats) -> Profiles | None:
    """Return profiles in which constant blocks, which hold no image, are quiet ones.

    Columns of them alone are left out. Corners that a rotated volume leaves empty are
    no vacuum: they count as the quietest of the image, so that there is no step.
    """
    empty = spread <= 0.02 * np.median(spread)
    use = empty.mean(axis=1) < 0.5
    if use.sum() < MIN_COLUMNS**2:
        return None
    quiet = np.quantile(spread[use][~empty[use]], 0.1)
    height = np.log(np.where(empty, quiet, spread)[use])
    return Profiles(height, z, y[use], x[use])
