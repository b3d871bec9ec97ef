"""The files of a Zarr array's chunks: that all are there and none is damaged.

Zarr reads a missing chunk as zeros, and its decoders trust what a chunk says of
itself: they read beyond the end of a truncated file, which takes the process down, or
fill the memory. So every chunk's size and head are looked at before it is decoded.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

LONGEST_AXIS = 100_000
"""Most voxels along an axis [voxels]; more is damage, and would fill the memory."""
MANY = 1000
"""Missing chunks after which the others are not counted."""
MOST_CHUNKS = 1_000_000
"""Of an array that may be sparse, whose missing chunks do not end the search."""
HEAD_BYTES = 18
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def check_chunks(
    array: zarr.Array[Any], folder: Path, *, may_be_sparse: bool = False
) -> None:
    """Refuse missing chunks, and those that are truncated or of a wrong size.

    Parameters
    ----------
    array
        Opened, not yet read.
    folder
        Where it lies.
    may_be_sparse
        A missing chunk is one that was not written because it is empty. Zarr allows
        that, and saves masks so. Of a tomogram it is an error: no part of a
        reconstruction is the fill value in every voxel, and what an interrupted copy
        left out would be taken for empty ice.

    Raises
    ------
    ValueError
        If a chunk is missing or damaged, or the array is too large to be true.
    """
    if max(array.shape, default=0) > LONGEST_AXIS:
        raise ValueError(
            f"{folder} announces {array.shape} voxels; expected at most"
            f" {LONGEST_AXIS} along each axis, its metadata are damaged: copy it again"
        )
    codec = _only_codec(array)
    decoded = math.prod(array.chunks) * array.dtype.itemsize
    lengths = array.shards or array.chunks
    counts = [math.ceil(n / m) for n, m in zip(array.shape, lengths, strict=True)]
    if may_be_sparse and math.prod(counts) > MOST_CHUNKS:
        raise ValueError(
            f"{folder} announces {math.prod(counts)} chunks; expected at most"
            f" {MOST_CHUNKS}, its metadata are damaged or its chunks too small: write"
            " it again"
        )
    missing = 0
    for file in _chunk_files(array, folder, counts):
        if not file.is_file():
            missing += 1
            if missing == MANY and not may_be_sparse:
                break
        elif problem := _problem(file, codec, decoded):
            raise ValueError(f"chunk {file} is damaged: {problem}; copy it again")
    if missing and not may_be_sparse:
        more = " or more" if missing == MANY else ""
        raise ValueError(
            f"{folder}: {missing}{more} of {math.prod(counts)} chunks are missing and"
            f" would read as {array.fill_value}; copy it again (if they are meant to"
            " be empty, rewrite it with empty chunks)"
        )


def read_chunks(array: zarr.Array[Any], folder: Path) -> NDArray[Any]:
    """Return all voxels of an array whose chunks were checked; missing ones are empty.

    Chunks that are plain numbers are read as they lie on the disk: in less than half of
    zarr's time, and without keeping other threads from their work meanwhile.
    """
    plain = BytesCodec(endian="little")
    if _only_codec(array) != "none" or array.serializer != plain:
        return np.asarray(array[...])
    volume = np.empty(array.shape, array.dtype)
    counts = [math.ceil(n / m) for n, m in zip(array.shape, array.chunks, strict=True)]
    for index in itertools.product(*map(range, counts)):
        place = tuple(
            slice(i * edge, min((i + 1) * edge, size))
            for i, edge, size in zip(index, array.chunks, array.shape, strict=True)
        )
        file = folder / array.metadata.encode_chunk_key(index)
        if not file.is_file():
            volume[place] = array.fill_value
            continue
        chunk = np.frombuffer(file.read_bytes(), array.dtype).reshape(array.chunks)
        volume[place] = chunk[tuple(slice(0, p.stop - p.start) for p in place)]
    return volume


def _chunk_files(
    array: zarr.Array[Any], folder: Path, counts: list[int]
) -> Iterator[Path]:
    """Yield the file of each chunk, or of each shard where chunks are packed."""
    for index in itertools.product(*map(range, counts)):
        yield folder / array.metadata.encode_chunk_key(index)


def _only_codec(array: zarr.Array[Any]) -> str:
    """Return what a file's bytes went through: none, a codec's name, or other."""
    if array.shards is not None or array.filters or len(array.compressors) > 1:
        return "other"
    if not array.compressors:
        return "none"
    (codec,) = array.compressors
    kinds = ((BloscCodec, "blosc"), (ZstdCodec, "zstd"), (GzipCodec, "gzip"))
    named: str = getattr(codec, "codec_id", "other")
    return next((name for kind, name in kinds if isinstance(codec, kind)), named)


def _problem(file: Path, codec: str, decoded: int) -> str:
    """Return what is wrong with a chunk of so many decoded bytes, or nothing.

    Source: C-Blosc, README_CHUNK_FORMAT.rst; RFC 1952, gzip; RFC 8878, Zstandard;
    numcodecs, lz4, which puts the size before LZ4's own bytes.
    """
    size = file.stat().st_size
    if codec == "none":
        return (
            "" if size == decoded else f"expected {decoded} bytes, the file has {size}"
        )
    with file.open("rb") as chunk:
        head = chunk.read(HEAD_BYTES)
        chunk.seek(max(size - 4, 0))
        tail = chunk.read(4)
    content: int | None = None
    if codec == "blosc":
        announced = int.from_bytes(head[12:16], "little")
        if size < 16 or announced != size:
            return f"it announces {announced} bytes, the file has {size}"
        content = int.from_bytes(head[4:8], "little")
    elif codec == "gzip":
        content = int.from_bytes(tail, "little")
    elif codec == "lz4":
        content = int.from_bytes(head[:4], "little")
    elif codec == "zstd":
        content = _zstd_content(head)
    if content is not None and content != decoded:
        return f"it announces {content} decoded bytes, expected {decoded}"
    return ""


def _zstd_content(head: bytes) -> int | None:
    """Return the decoded size that a Zstandard frame announces, None if it does not."""
    if len(head) < HEAD_BYTES or head[:4] != ZSTD_MAGIC:
        return None
    flag, is_single, dictionary = head[4] >> 6, head[4] >> 5 & 1, head[4] & 3
    start = 5 + (1 - is_single) + (0, 1, 2, 4)[dictionary]
    length = (is_single, 2, 4, 8)[flag]
    if length == 0:
        return None
    # Two bytes count from 256, as one would do for less.
    return int.from_bytes(head[start : start + length], "little") + 256 * (flag == 1)
