"""One chunk: from the bytes of its file to its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats.volumes.zarr_codecs.checksum import (
    CHECKSUM_BYTES,
    without_checksum,
)
from picker.formats.volumes.zarr_codecs.compressors import HEAD_BYTES, TAIL_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.formats.volumes.zarr_codecs.compressors import Compressor
    from picker.formats.volumes.zarr_codecs.filters import Filter


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """How each chunk of an array is stored.

    Attributes
    ----------
    shape
        Of a chunk [voxels].
    dtype
        As stored, in its byte order.
    axes
        The order in which a chunk's axes are stored.
    filters
        What the numbers went through, first to last.
    compressor
        What their bytes went through then, if anything.
    has_checksum
        Whether a CRC32C follows.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[int, ...]
    filters: tuple[Filter, ...] = ()
    compressor: Compressor | None = None
    has_checksum: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether chunks are bare numbers: quick to read, with no size announced."""
        return self.compressor is None

    def check(self, head: bytes, tail: bytes, length: int) -> None:
        """Refuse a chunk whose first and last bytes say that it is damaged.

        Parameters
        ----------
        head, tail
            Its first `HEAD_BYTES` and last `TAIL_BYTES`; of plain chunks they are not
            looked at.
        length
            Of the whole chunk [bytes].

        Raises
        ------
        ValueError
            If it has, or announces, another size than expected.
        """
        size = self._sizes[-1]
        if self.compressor:
            check_growth(length, size)
        if self.has_checksum:
            tail, length = tail[:-CHECKSUM_BYTES], length - CHECKSUM_BYTES
        if not self.compressor:
            if length != size:
                raise ValueError(f"expected {size} bytes, the file has {length}")
            return
        announced = self.compressor.announced(head, tail, length)
        if announced not in (None, size):
            raise ValueError(f"it announces {announced} decoded bytes, expected {size}")

    def decoded(self, raw: bytes, fill: Any) -> NDArray[Any]:
        """Return a chunk's numbers, its axes in the array's order.

        Parameters
        ----------
        raw
            The chunk.
        fill
            The array's fill value; a chunk has all of its numbers and needs none.

        Raises
        ------
        ValueError
            If it has another size than expected. The decoders raise other errors.
        """
        self.check(raw[:HEAD_BYTES], raw[-TAIL_BYTES:], len(raw))
        if self.has_checksum:
            raw = without_checksum(raw)
        size = self._sizes[-1]
        unpacked = self.compressor.decompressed(raw, size) if self.compressor else raw
        content = np.frombuffer(unpacked, np.uint8)
        stages = list(zip(self.filters, self._sizes[:-1], strict=True))
        for one, size_before in reversed(stages):
            content = one.undone(content, size_before)
        stored = content.view(self.dtype)
        shape = [self.shape[axis] for axis in self.axes]
        return stored.reshape(shape).transpose(np.argsort(self.axes))

    @property
    def _sizes(self) -> list[int]:
        """Bytes of a chunk before its filters, and after each of them."""
        voxels = math.prod(self.shape)
        sizes = [voxels * self.dtype.itemsize]
        for one in self.filters:
            sizes.append(one.size_after(voxels, sizes[-1]))
        return sizes


def check_growth(length: int, size: int, overhead: int = 0) -> None:
    """Refuse a chunk that is much larger than what it decodes to.

    Parameters
    ----------
    length
        Of the chunk [bytes].
    size
        Its decoded size [bytes].
    overhead
        Bytes that are not part of the compressed numbers, such as a shard's index.

    Raises
    ------
    ValueError
        If compression cannot have made it grow so much.
    """
    if length > 2 * size + 65536 + overhead:
        raise ValueError(f"it has {length} bytes for {size} decoded ones")
