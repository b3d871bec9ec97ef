"""The files of a Zarr array's chunks: that all are there and none is damaged.

Zarr reads a missing chunk as zeros, and its decoders trust what a chunk says of
itself: they read beyond the end of a truncated file, which takes the process down, or
fill the memory. So every chunk's size and head are looked at before it is decoded.
"""

from __future__ import annotations

import errno
import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats.volumes.files import MISSING_CHUNKS
from picker.formats.volumes.zarr_codecs import DAMAGE, HEAD_BYTES, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from picker.formats.volumes.zarr_codecs import Pipeline

LONGEST_AXIS = 100_000
"""Most voxels along an axis [voxels]; more is damage, and would fill the memory."""
LARGEST_CHUNK = 2**30
"""Of an array that is smaller than its chunks [bytes]."""
MANY = 1000
"""Missing chunks after which the others are not counted."""
MOST_CHUNKS = 1_000_000
"""Of an array that may be sparse, whose missing chunks do not end the search."""
AT_A_TIME = 4
"""Chunks that are decoded at a time."""


def check_chunks(
    array: zarr.Array[Any], folder: Path, *, may_be_sparse: bool = False
) -> tuple[Pipeline, list[str]]:
    """Return how chunks are stored, and warnings; refuse what is missing or damaged.

    Parameters
    ----------
    array
        Opened, not yet read.
    folder
        Where it lies.
    may_be_sparse
        A missing chunk is one that was not written because it is empty. Zarr allows
        that, and saves masks so. Of a tomogram it is an error unless the user says
        otherwise: what an interrupted copy left out would be taken for empty ice.

    Raises
    ------
    ValueError
        If it holds no numbers or went through an unknown codec, a chunk is missing or
        damaged, or the array is too large to be true.
    """
    if max(array.shape, default=0) > LONGEST_AXIS:
        raise ValueError(
            f"{folder} announces {array.shape} voxels; expected at most"
            f" {LONGEST_AXIS} along each axis, its metadata are damaged: copy it again"
        )
    lengths = array.shards or array.chunks
    if len(lengths) != array.ndim or min(*lengths, *array.chunks, *array.shape) < 1:
        raise ValueError(
            f"{folder} announces chunks of {lengths} for {array.shape} voxels; expected"
            " 1 or more along each axis, its metadata are damaged: copy it again"
        )
    if math.prod(lengths) * array.dtype.itemsize > max(array.nbytes, LARGEST_CHUNK):
        raise ValueError(
            f"{folder} announces chunks of {lengths} for {array.shape} voxels; expected"
            " them to be no larger than the array, its metadata are damaged: copy it"
            " again, or write it again with smaller ones"
        )
    try:
        stored = pipeline(array)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder} {error}") from error
    counts = _counts(array)
    if may_be_sparse and math.prod(counts) > MOST_CHUNKS:
        raise ValueError(
            f"{folder} announces {math.prod(counts)} chunks; expected at most"
            f" {MOST_CHUNKS}, its metadata are damaged or its chunks too small: write"
            " it again"
        )
    missing = 0
    for index in itertools.product(*map(range, counts)):
        file = folder / array.metadata.encode_chunk_key(index)
        if not file.is_file():
            missing += 1
            if missing == MANY and not may_be_sparse:
                break
        elif problem := _problem(file, stored):
            raise ValueError(f"chunk {file} is damaged: {problem}; copy it again")
    if not missing:
        return stored, []
    more = " or more" if missing == MANY and not may_be_sparse else ""
    told = (
        f"{folder}: {missing}{more} of {math.prod(counts)} chunks are missing and would"
        f" read as {array.fill_value}"
    )
    if not may_be_sparse:
        raise ValueError(
            f"{told}; copy it again, or if they were left out because they are empty,"
            f" {MISSING_CHUNKS}"
        )
    return stored, [f"{told}, as was accepted"]


def read_chunks(array: zarr.Array[Any], folder: Path, stored: Pipeline) -> NDArray[Any]:
    """Return all voxels of an array whose chunks were checked; missing ones are empty.

    No chunk decodes to more than the array announces, and plain numbers are read in
    less than half of zarr's time.
    """
    volume = np.empty(array.shape, array.dtype)
    fill = array.fill_value if array.fill_value is not None else 0
    lengths = stored.shape

    def read(index: tuple[int, ...]) -> None:
        place = tuple(
            slice(i * edge, min((i + 1) * edge, size))
            for i, edge, size in zip(index, lengths, array.shape, strict=True)
        )
        file = folder / array.metadata.encode_chunk_key(index)
        if not file.is_file():
            volume[place] = fill
            return
        try:
            chunk = stored.decoded(file.read_bytes(), fill)
        except (*DAMAGE, OSError) as error:
            # Decoders raise it without a number; with one it is the disk's.
            if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
                raise
            raise ValueError(
                f"chunk {file} cannot be decoded: {error}; copy it again"
            ) from error
        volume[place] = chunk[tuple(slice(0, p.stop - p.start) for p in place)]

    indices: Iterator[tuple[int, ...]] = itertools.product(*map(range, _counts(array)))
    if stored.compressor == "none":
        for index in indices:
            read(index)
    else:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for _ in pool.map(read, indices):
                pass
    return volume


def _counts(array: zarr.Array[Any]) -> list[int]:
    """Return the number of files along each axis."""
    lengths = array.shards or array.chunks
    return [math.ceil(n / m) for n, m in zip(array.shape, lengths, strict=True)]


def _problem(file: Path, stored: Pipeline) -> str:
    """Return what is wrong with a chunk at first sight, or nothing."""
    size = file.stat().st_size
    if stored.compressor in ("none", "shards"):
        return stored.problem(b"", b"", size)
    with file.open("rb") as chunk:
        head = chunk.read(HEAD_BYTES)
        chunk.seek(max(size - 8, 0))
        return stored.problem(head, chunk.read(8), size)
