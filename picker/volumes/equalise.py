"""Even contrast in a micrograph: contrast-limited adaptive histogram equalisation.

Source: Zuiderveld 1994, Contrast limited adaptive histogram equalization, Graphics Gems
IV; with the clip and the number of tiles that Zhang et al. 2024, UPicker, use. Gray
levels between those of the histogram are interpolated, so nothing is rounded to 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Image = NDArray[np.float32]

LEVELS = 256
"""Gray levels of a histogram."""
SMALLEST_TILE = 8
"""Least edge of a tile [pixels]: fewer pixels are no histogram."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Equalising:
    """How contrast is evened out.

    Attributes
    ----------
    low, high
        Values that become 0 and 1; those beyond are cut.
    tiles
        Number of tiles along each axis, fewer if they would be tiny.
    clip
        How often a level counts at most, over the mean of all levels.
    """

    low: float
    high: float
    tiles: int
    clip: float


def equalised(image: Image, how: Equalising) -> Image:
    """Return the share of a pixel's surroundings that is darker, in 0..1.

    Parameters
    ----------
    image
        `(y, x)`.
    how
        Range, tiles and clip.

    Returns
    -------
    `(y, x)`; between the middles of tiles their curves are mixed, and beyond the
    outermost middles there is one curve alone.
    """
    along_y, along_x = (_edges(size, how.tiles) for size in image.shape)
    level = (image - np.float32(how.low)) * np.float32(LEVELS / (how.high - how.low))
    np.clip(level, 0, LEVELS, out=level)
    columns = list(pairwise(along_x))
    curves = np.array(
        [
            [_curve(level[top:end, left:right], how.clip) for left, right in columns]
            for top, end in pairwise(along_y)
        ]
    )
    known = np.arange(LEVELS + 1)
    result = np.zeros_like(level)
    for rows, tiles_y in _parts(along_y):
        for across, tiles_x in _parts(along_x):
            values, into = level[rows, across], result[rows, across]
            for i, weight_y in tiles_y:
                for j, weight_x in tiles_x:
                    share = np.interp(values, known, curves[i, j])
                    into += weight_y[:, None] * weight_x * share
    return result


def _edges(size: int, tiles: int) -> list[int]:
    """Return where tiles of about equal length begin, and the end of the last."""
    num = max(1, min(tiles, size // SMALLEST_TILE))
    return [size * i // num for i in range(num + 1)]


def _curve(level: Image, clip: float) -> NDArray[np.float64]:
    """Return the share of a tile's pixels below each level, 0 to 256.

    What levels have above the clip is shared by all of them.
    """
    index = np.minimum(level, LEVELS - 1).astype(np.intp)
    counts = np.bincount(index.ravel(), minlength=LEVELS).astype(np.float64)
    cut = np.minimum(counts, clip * level.size / LEVELS)
    cut += (level.size - cut.sum()) / LEVELS
    return np.concatenate([[0], np.cumsum(cut)]) / level.size


def _parts(
    edges: list[int],
) -> Iterator[tuple[slice, list[tuple[int, NDArray[np.float64]]]]]:
    """Yield the parts between middles of tiles, each with its tiles and their weights.

    The weights of a part's tiles add up to 1 at each of its pixels.
    """
    middles = (np.array(edges[:-1]) + np.array(edges[1:]) - 1) / 2
    borders = [0, *(int(np.ceil(middle)) for middle in middles), edges[-1]]
    for tile, (first, end) in enumerate(pairwise(borders), -1):
        part = slice(first, end)
        if tile in (-1, len(middles) - 1):  # before the first middle, behind the last
            yield part, [(max(tile, 0), np.ones(end - first))]
            continue
        step = middles[tile + 1] - middles[tile]
        following = (np.arange(first, end) - middles[tile]) / step
        yield part, [(tile, 1 - following), (tile + 1, following)]
