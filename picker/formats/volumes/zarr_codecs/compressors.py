"""Compressors of a chunk's bytes: the size that they announce, and the bytes again.

None of them makes more bytes than expected.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from abc import ABC, abstractmethod
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numcodecs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_BYTES = 18
"""First bytes of a chunk that announce its size, as many as Zstandard needs."""
TAIL_BYTES = 8
"""Last bytes of a chunk, of which gzip's four announce its size and a checksum may be
the others."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class Compressor(ABC):
    """One way in which a chunk's bytes are compressed.

    Parameters
    ----------
    name
        As numcodecs calls it.
    options
        Its settings in the array's metadata.
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.options = options

    def announced(self, head: bytes, tail: bytes, length: int) -> int | None:
        """Return the decoded size that a chunk announces [bytes], None if it does not.

        Parameters
        ----------
        head, tail
            The chunk's first `HEAD_BYTES` and its last bytes.
        length
            Of the whole chunk [bytes].

        Raises
        ------
        ValueError
            If the chunk announces another length than it has.
        """
        return None

    @abstractmethod
    def decompressed(self, raw: bytes, size: int) -> Any:
        """Return the bytes that were compressed.

        Parameters
        ----------
        raw
            The chunk.
        size
            Its decoded size [bytes].

        Raises
        ------
        ValueError
            If it decodes to another size. The decoders raise other errors.
        """


class Buffered(Compressor):
    """A compressor whose decoder fills memory of the expected size."""

    def decompressed(self, raw: bytes, size: int) -> Any:
        """Return the bytes that were compressed."""
        content = np.empty(size, np.uint8)
        numcodecs.get_codec({"id": self.name}).decode(raw, out=content)
        return content


class Blosc(Buffered):
    """Source: C-Blosc, README_CHUNK_FORMAT.rst."""

    def announced(self, head: bytes, tail: bytes, length: int) -> int | None:
        """Return the decoded size [bytes]."""
        announced = int.from_bytes(head[12:16], "little")
        if length < 16 or announced != length:
            raise ValueError(f"it announces {announced} bytes, the file has {length}")
        return int.from_bytes(head[4:8], "little")


class LZ4(Buffered):
    """Source: numcodecs, lz4, which puts the size before LZ4's own bytes."""

    def announced(self, head: bytes, tail: bytes, length: int) -> int | None:
        """Return the decoded size [bytes]."""
        return int.from_bytes(head[:4], "little")


class Zstd(Buffered):
    """Source: RFC 8878, Zstandard."""

    def announced(self, head: bytes, tail: bytes, length: int) -> int | None:
        """Return the decoded size [bytes], None if the frame does not announce it."""
        if len(head) < HEAD_BYTES or head[:4] != ZSTD_MAGIC:
            return None
        flag, is_single, dictionary = head[4] >> 6, head[4] >> 5 & 1, head[4] & 3
        start = 5 + (1 - is_single) + (0, 1, 2, 4)[dictionary]
        num_bytes = (is_single, 2, 4, 8)[flag]
        if num_bytes == 0:
            return None
        # Two bytes count from 256, because one byte holds less.
        size = int.from_bytes(head[start : start + num_bytes], "little")
        return size + 256 * (flag == 1)


class Stream(Compressor):
    """A compressor that is read as a stream, up to one byte more than expected."""

    def decompressed(self, raw: bytes, size: int) -> Any:
        """Return the bytes that were compressed."""
        content = self._read(raw, size + 1)
        if len(content) != size:
            found = f"{len(content)}" if len(content) < size else "more"
            raise ValueError(f"it decodes to {found} bytes, expected {size}")
        return content

    @abstractmethod
    def _read(self, raw: bytes, most: int) -> bytes:
        """Return at most so many decoded bytes."""


class Zlib(Stream):
    """Source: RFC 1950, zlib."""

    def _read(self, raw: bytes, most: int) -> bytes:
        decoder = zlib.decompressobj()
        content = decoder.decompress(raw, most)
        if len(content) < most and not decoder.eof:
            raise ValueError("it ends too early")
        return content


class Gzip(Stream):
    """Source: RFC 1952, gzip."""

    def announced(self, head: bytes, tail: bytes, length: int) -> int | None:
        """Return the decoded size [bytes]."""
        return int.from_bytes(tail[-4:], "little")

    def _read(self, raw: bytes, most: int) -> bytes:
        return gzip.GzipFile(fileobj=BytesIO(raw)).read(most)


class Bzip2(Stream):
    """Source: Python's module bz2."""

    def _read(self, raw: bytes, most: int) -> bytes:
        return bz2.BZ2File(BytesIO(raw)).read(most)


class LZMA(Stream):
    """Source: numcodecs, lzma, whose settings are those of Python's module lzma."""

    def _read(self, raw: bytes, most: int) -> bytes:
        kind, filters = (self.options.get(key) for key in ("format", "filters"))
        return lzma.LZMAFile(BytesIO(raw), format=kind, filters=filters).read(most)


COMPRESSORS: dict[str, type[Compressor]] = {
    "blosc": Blosc,
    "bz2": Bzip2,
    "gzip": Gzip,
    "lz4": LZ4,
    "lzma": LZMA,
    "zlib": Zlib,
    "zstd": Zstd,
}
"""The compressors that are accepted, by the names that metadata give them."""
