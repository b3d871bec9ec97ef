"""A tomogram as one small picture of its slices, from which a page cuts three views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_PIXELS = 1_400_000
"""Of all slices of a tomogram together."""
MAX_SIDE = 16_383
"""Of a WebP [pixels]."""
BLUR = 0.8
"""Standard deviation of a Gaussian over binned slices [pixels]; what is finer is mostly
noise, which takes most of the bytes."""
DARKEST, BRIGHTEST = 0.2, 99.8
"""Percentiles of the density that become black and white."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slices:
    """Slices along z of a binned tomogram, side by side.

    Attributes
    ----------
    step_zyx
        Voxels that a slice is thick, and that its pixels are high and wide.
    gray
        `(z, y, x)` uint8, binned and then a little blurred; the last ones along an axis
        may be means of fewer voxels.
    """

    step_zyx: tuple[int, int, int]
    gray: NDArray[np.uint8]

    @property
    def columns(self) -> int:
        """Number of slices in a row of the picture."""
        num, height, width = self.gray.shape
        columns = round((num * height / width) ** 0.5)
        return int(max(1, min(columns, num, MAX_SIDE // width)))

    def picture(self) -> NDArray[np.uint8]:
        """Return `(rows, columns)` pixels: slices by rising z, from left to right.

        In each slice y runs upwards, as in IMOD and RELION.
        """
        num, height, width = self.gray.shape
        rows = -(-num // self.columns)
        tiles = np.zeros((rows * self.columns, height, width), np.uint8)
        tiles[:num] = self.gray[:, ::-1]
        grid = tiles.reshape(rows, self.columns, height, width)
        return grid.swapaxes(1, 2).reshape(rows * height, self.columns * width)

    def middle(self) -> NDArray[np.uint8]:
        """Return the `(y, x)` pixels of the middle slice, y upwards."""
        return self.gray[self.middle_index, ::-1]

    @property
    def middle_index(self) -> int:
        """Which slice is the middle one."""
        return len(self.gray) // 2


def slices_of(volume: NDArray[Any], max_pixels: int = MAX_PIXELS) -> Slices:
    """Return the slices of a `(z, y, x)` volume, of at most so many pixels.

    Cubes of voxels become pixels, or boxes that are twice as high (along z) as wide;
    none is higher than the volume.
    """
    step = _step(volume.shape, max_pixels)
    return Slices(step_zyx=step, gray=_gray(volume, step))


def slice_at(
    volume: NDArray[Any], index_z: int, thickness: int, max_pixels: int
) -> NDArray[np.uint8]:
    """Return the `(y, x)` pixels about a height, y upwards, at most so many.

    Parameters
    ----------
    volume
        `(z, y, x)`.
    index_z, thickness
        Its middle and how many voxels are averaged [voxels]; fewer at a face.
    max_pixels
        Squares of voxels become pixels until there are no more than these.
    """
    first = index_z - thickness // 2
    slab = volume[max(0, first) : first + thickness]
    height, width = slab.shape[1:]
    edge = 1
    while -(-height // edge) * -(-width // edge) > max_pixels:
        edge += 1
    return _gray(slab, (len(slab), edge, edge))[0, ::-1]


def _gray(volume: NDArray[Any], step_zyx: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the `(z, y, x)` gray levels of means over boxes of voxels."""
    binned = np.stack(list(_binned(volume, step_zyx)))
    if step_zyx[1] > 1:
        binned = gaussian_filter(binned, (0, BLUR, BLUR))
    low, high = np.percentile(binned, (DARKEST, BRIGHTEST))
    gray = (binned - low) * (255 / max(high - low, 1e-6))
    levels: NDArray[np.uint8] = gray.clip(0, 255).round().astype(np.uint8)
    return levels


def _step(shape_zyx: tuple[int, ...], max_pixels: int) -> tuple[int, int, int]:
    """Return the smallest box of voxels for a pixel."""

    def is_small(step: tuple[int, int, int]) -> bool:
        num, height, width = (-(-n // s) for n, s in zip(shape_zyx, step, strict=True))
        # The picture of the slices has at most a row of unused tiles.
        return num * height * width <= max_pixels and max(height, width) <= MAX_SIDE

    edge = 1
    while True:
        for thick in (edge, 2 * edge):
            if is_small((thick, edge, edge)):
                return min(thick, shape_zyx[0]), edge, edge
        edge += 1


def _binned(
    volume: NDArray[Any], step_zyx: tuple[int, int, int]
) -> Iterator[NDArray[np.float32]]:
    """Yield means over boxes of voxels, one `(y, x)` slice at a time."""
    thick, *in_plane = step_zyx
    for first in range(0, len(volume), thick):
        mean = np.asarray(volume[first : first + thick], np.float32).mean(axis=0)
        for axis, edge in enumerate(in_plane):
            if edge > 1:
                starts = np.arange(0, mean.shape[axis], edge)
                sums = np.add.reduceat(mean, starts, axis=axis)
                lengths = np.diff(starts, append=mean.shape[axis])
                mean = sums / np.expand_dims(lengths, 1 - axis).astype(np.float32)
        yield mean
