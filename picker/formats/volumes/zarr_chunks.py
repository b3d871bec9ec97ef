"""The files of a Zarr array's chunks: that all are there and none is damaged.

Zarr reads a missing chunk as zeros, and its decoders trust what a chunk says of
itself: they read beyond the end of a truncated file, which ends the process, or fill
the memory. So every chunk's size and head are checked before it is decoded.
"""

from __future__ import annotations

import errno
import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from picker.formats.volumes.files import LARGEST_CHUNK, LONGEST_AXIS, MISSING_CHUNKS
from picker.formats.volumes.zarr_codecs.compressors import HEAD_BYTES, TAIL_BYTES
from picker.formats.volumes.zarr_codecs.metadata import codecs_of
from picker.formats.volumes.zarr_store import DAMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from picker.formats.volumes.zarr_codecs.metadata import Codecs

MAX_COUNTED = 1000
"""Missing chunks after which no more are counted."""
MAX_SPARSE_CHUNKS = 1_000_000
"""Most chunks of an array that may be sparse, whose missing chunks are all counted."""
NUM_THREADS = 4
"""Chunks that are decoded at the same time."""


class Sliceable(Protocol):
    """A volume in memory, or one whose slices are computed when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along z, y and x."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its voxels."""

    def __getitem__(self, z: slice, /) -> NDArray[Any]:
        """Return some slices, `(z, y, x)`."""


def check_chunks(
    array: zarr.Array[Any], folder: Path, *, may_be_sparse: bool = False
) -> tuple[Codecs, list[str]]:
    """Return how chunks are stored, and warnings; refuse missing and damaged chunks.

    Parameters
    ----------
    array
        Open, not yet read.
    folder
        The array's.
    may_be_sparse
        A missing chunk is one that was not written because it is empty. Zarr allows
        that, and stores masks so. In a tomogram it is an error unless the user says
        otherwise: what an interrupted copy left out would pass for empty ice.

    Raises
    ------
    ValueError
        If the array holds no numbers, went through an unknown codec or is too large to
        be true, or a chunk is missing or damaged.
    """
    _check_announced(array, folder)
    try:
        codecs = codecs_of(array)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder} {error}") from error
    counts = _counts(array)
    if may_be_sparse and math.prod(counts) > MAX_SPARSE_CHUNKS:
        raise ValueError(
            f"{folder} announces {math.prod(counts)} chunks; expected at most"
            f" {MAX_SPARSE_CHUNKS}, its metadata are damaged or its chunks too small:"
            " write it again"
        )
    missing = 0
    for index in itertools.product(*map(range, counts)):
        file = folder / array.metadata.encode_chunk_key(index)
        if not file.is_file():
            missing += 1
            if missing == MAX_COUNTED and not may_be_sparse:
                break
        else:
            _check_file(file, codecs)
    if not missing:
        return codecs, []
    more = " or more" if missing == MAX_COUNTED and not may_be_sparse else ""
    found = (
        f"{folder}: {missing}{more} of {math.prod(counts)} chunks are missing and would"
        f" read as {array.fill_value}"
    )
    if not may_be_sparse:
        raise ValueError(
            f"{found}; copy it again, or if they were left out because they are empty,"
            f" {MISSING_CHUNKS}"
        )
    return codecs, [f"{found}, as was accepted"]


def read_chunks(array: zarr.Array[Any], folder: Path, codecs: Codecs) -> NDArray[Any]:
    """Return all voxels of an array whose chunks were checked.

    No chunk decodes to more than the array announces, and plain numbers are read in
    less than half of zarr's time.

    Parameters
    ----------
    array
        Open, not yet read.
    folder
        The array's.
    codecs
        How `check_chunks` found its chunks to be stored.

    Returns
    -------
    Shaped and typed as the array; the fill value where a chunk is missing.

    Raises
    ------
    ValueError
        If a chunk cannot be decoded.
    OSError
        If the disk fails.
    """
    volume = np.empty(array.shape, array.dtype)
    fill = array.fill_value if array.fill_value is not None else 0
    lengths = codecs.shape

    def read(index: tuple[int, ...]) -> None:
        box = tuple(
            slice(i * edge, min((i + 1) * edge, size))
            for i, edge, size in zip(index, lengths, array.shape, strict=True)
        )
        file = folder / array.metadata.encode_chunk_key(index)
        if not file.is_file():
            volume[box] = fill
            return
        try:
            chunk = codecs.decoded(file.read_bytes(), fill)
        except (*DAMAGE, OSError) as error:
            # A decoder's OSError has no number; one with a number is the disk's.
            if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
                raise
            raise ValueError(
                f"chunk {file} cannot be decoded: {error}; copy it again"
            ) from error
        volume[box] = chunk[tuple(slice(0, side.stop - side.start) for side in box)]

    indices: Iterator[tuple[int, ...]] = itertools.product(*map(range, _counts(array)))
    if codecs.is_plain:
        for index in indices:
            read(index)
    else:
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            for _ in pool.map(read, indices):
                pass
    return volume


def write_chunks(
    array: zarr.Array[Any],
    folder: Path,
    volume: Sliceable,
    compress: Callable[[NDArray[Any]], bytes] | None = None,
) -> None:
    """Write all chunks of a new array, without zarr's many small steps.

    Parameters
    ----------
    array
        Open, with three axes and without shards; its numbers are little-endian.
    folder
        The array's.
    volume
        Shaped and typed as the array; one row of chunks of it is taken at a time.
    compress
        As the array's metadata say; None: chunks are plain numbers.
    """
    lengths = array.chunks
    deep, high, broad = _counts(array)
    for z in range(deep):
        layer = volume[z * lengths[0] : (z + 1) * lengths[0]]
        for y, x in itertools.product(range(high), range(broad)):
            part = layer[
                :,
                y * lengths[1] : (y + 1) * lengths[1],
                x * lengths[2] : (x + 1) * lengths[2],
            ]
            # Those at the end are as large as the others, and 0 beyond the volume.
            chunk = np.zeros(lengths, array.dtype)
            chunk[tuple(slice(size) for size in part.shape)] = part
            file = folder / array.metadata.encode_chunk_key((z, y, x))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(compress(chunk) if compress else chunk.data)


def _check_announced(array: zarr.Array[Any], folder: Path) -> None:
    """Refuse axes and chunks of a length that cannot be true."""
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


def _counts(array: zarr.Array[Any]) -> list[int]:
    """Return the number of files along each axis."""
    lengths = array.shards or array.chunks
    return [math.ceil(n / m) for n, m in zip(array.shape, lengths, strict=True)]


def _check_file(file: Path, codecs: Codecs) -> None:
    """Refuse a chunk whose size, first or last bytes say that it is damaged."""
    length = file.stat().st_size
    head = tail = b""
    if not codecs.is_plain:
        with file.open("rb") as chunk:
            head = chunk.read(HEAD_BYTES)
            chunk.seek(max(length - TAIL_BYTES, 0))
            tail = chunk.read(TAIL_BYTES)
    try:
        codecs.check(head, tail, length)
    except ValueError as error:
        raise ValueError(f"chunk {file} is damaged: {error}; copy it again") from error
