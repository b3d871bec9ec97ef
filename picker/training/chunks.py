"""Boxes cut from volumes in chunks; recently used chunks stay in memory."""

from __future__ import annotations

from collections import OrderedDict
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.training.source import Voxels


class ChunkCache:
    """The recently used chunks of any number of volumes, up to a size [bytes].

    Neighbouring patches share chunks, and reading one costs several times as much as
    copying a part of it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0
        self.chunks: OrderedDict[tuple[str, tuple[int, ...]], NDArray[Any]] = (
            OrderedDict()
        )

    def box(
        self,
        volume: Voxels,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
    ) -> NDArray[np.float32]:
        """Return the voxels of a box inside a `(z, y, x)` volume."""
        end = corner_zyx + shape_zyx
        if not isinstance(volume, zarr.Array):
            return np.asarray(volume[_slices(corner_zyx, end)], np.float32)
        edge = np.array(volume.chunks)
        box = np.empty(shape_zyx, np.float32)
        first, last = corner_zyx // edge, (end - 1) // edge
        for index in product(*map(range, first, last + 1)):
            begin = np.array(index) * edge
            low, high = np.maximum(corner_zyx, begin), np.minimum(end, begin + edge)
            chunk = self._chunk(volume, index)
            box[_slices(low - corner_zyx, high - corner_zyx)] = chunk[
                _slices(low - begin, high - begin)
            ]
        return box

    def _chunk(self, volume: zarr.Array[Any], index: tuple[int, ...]) -> NDArray[Any]:
        key = name_of(volume), index
        chunk = self.chunks.get(key)
        if chunk is None:
            chunk = np.asarray(volume.blocks[index])
            self.chunks[key] = chunk
            self.used += chunk.nbytes
            while self.used > self.size and len(self.chunks) > 1:
                _, oldest = self.chunks.popitem(last=False)
                self.used -= oldest.nbytes
        else:
            self.chunks.move_to_end(key)
        return chunk


def name_of(volume: Voxels) -> str:
    """Return a name that a volume has however often it was opened."""
    if isinstance(volume, zarr.Array):
        return str(volume.store_path)
    return f"memory:{id(volume)}"


def _slices(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[slice, ...]:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
