"""The checksum that may follow a chunk or the index of a shard."""

from __future__ import annotations

import numcodecs

CHECKSUM_BYTES = 4


def without_checksum(raw: bytes) -> bytes:
    """Return bytes without the CRC32C at their end.

    Raises
    ------
    RuntimeError
        If the checksum is not that of the bytes.
    """
    codec = numcodecs.get_codec({"id": "crc32c", "location": "end"})
    return bytes(codec.decode(raw))
