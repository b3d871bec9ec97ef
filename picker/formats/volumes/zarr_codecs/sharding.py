"""Shards: files in which many chunks lie, and an index of where.

Source: Zarr, sharding codec 1.0, https://zarr-specs.readthedocs.io.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats.volumes.zarr_codecs.checksum import (
    CHECKSUM_BYTES,
    without_checksum,
)
from picker.formats.volumes.zarr_codecs.pipeline import check_growth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.formats.volumes.zarr_codecs.pipeline import Pipeline

EMPTY = 2**64 - 1
"""In the index: this chunk was left out because it is the fill value everywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharding:
    """How each shard of an array is stored.

    Attributes
    ----------
    shape
        Of a shard [voxels].
    dtype
        Of the numbers.
    axes
        The order in which a shard's axes are stored.
    inner
        How its chunks are stored, each a whole fraction of the shard along each axis.
    index_first
        Whether the index comes before the chunks, else after them.
    index_has_checksum
        Whether a CRC32C follows the index.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[int, ...]
    inner: Pipeline
    index_first: bool = False
    index_has_checksum: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether a file is bare numbers, which no shard is."""
        return False

    def check(self, head: bytes, tail: bytes, length: int) -> None:
        """Refuse a shard that is larger than its chunks can be.

        Parameters
        ----------
        head, tail
            Not looked at.
        length
            Of the shard [bytes].

        Raises
        ------
        ValueError
            If it is larger than expected.
        """
        size = math.prod(self.shape) * self.dtype.itemsize
        check_growth(length, size, self._index_bytes)

    def decoded(self, raw: bytes, fill: Any) -> NDArray[Any]:
        """Return a shard's numbers, its axes in the array's order.

        Parameters
        ----------
        raw
            The shard.
        fill
            Value of the chunks that are left out.

        Raises
        ------
        ValueError
            If the shard or a chunk has another size than expected. The decoders raise
            other errors.
        """
        shape = [self.shape[axis] for axis in self.axes]
        counts = [n // m for n, m in zip(shape, self.inner.shape, strict=True)]
        places = np.frombuffer(self._index(raw), "<u8").reshape(*counts, 2)
        shard = np.full(shape, fill, self.dtype)
        for index in np.ndindex(*counts):
            start, length = (int(number) for number in places[index])
            if (start, length) == (EMPTY, EMPTY):
                continue
            if start + length > len(raw):
                raise ValueError("its index names bytes that it does not have")
            box = tuple(
                slice(i * n, (i + 1) * n)
                for i, n in zip(index, self.inner.shape, strict=True)
            )
            shard[box] = self.inner.decoded(raw[start : start + length], fill)
        return shard.transpose(np.argsort(self.axes))

    @property
    def _index_bytes(self) -> int:
        """Size of the index: where each chunk begins, and its length."""
        num_chunks = math.prod(self.shape) // math.prod(self.inner.shape)
        return 16 * num_chunks + CHECKSUM_BYTES * self.index_has_checksum

    def _index(self, raw: bytes) -> bytes:
        length = self._index_bytes
        if len(raw) < length:
            raise ValueError(f"it has {len(raw)} bytes, its index alone {length}")
        index = raw[:length] if self.index_first else raw[len(raw) - length :]
        return without_checksum(index) if self.index_has_checksum else index
