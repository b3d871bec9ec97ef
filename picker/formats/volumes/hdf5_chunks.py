"""What of an HDF5 dataset is stored, and that its chunks decode to their size.

The library trusts chunks: a few kB that deflate made of zeros fill the memory.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import h5py

from picker.formats.volumes.files import LARGEST_CHUNK, LONGEST_AXIS

if TYPE_CHECKING:
    from pathlib import Path

FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "deflate",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_LZF: "lzf",
}
"""Filters that chunks may have gone through. Others could make anything of a few bytes,
and some are loaded from the folder that an environment variable names."""
CHECKSUM_BYTES = 4
"""Of fletcher32."""


def check_size(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse a dataset that is too large to be true, or holds no numbers.

    Raises
    ------
    ValueError
        If its type is not one of real or complex numbers, or an axis is too long.
    """
    if dataset.dtype.kind not in "biufc":
        raise ValueError(f"{path} holds {dataset.dtype}; expected real numbers")
    if max(dataset.shape, default=0) > LONGEST_AXIS:
        raise ValueError(
            f"{path} announces {dataset.shape} voxels; expected at most {LONGEST_AXIS}"
            " along each axis, it is damaged: copy it again"
        )


def unwritten(dataset: h5py.Dataset) -> str:
    """Return which part of a dataset would read as the fill value, or nothing."""
    if dataset.is_virtual:
        sources = dataset.virtual_sources()
        missing = dataset.size - sum(s.vspace.get_select_npoints() for s in sources)
        part = f"{missing} of {dataset.size} voxels"
    elif dataset.chunks is None:
        missing = dataset.nbytes - dataset.id.get_storage_size()
        part = f"{missing} of {dataset.nbytes} bytes"
    else:
        counts = zip(dataset.shape, dataset.chunks, strict=True)
        expected = math.prod(math.ceil(n / m) for n, m in counts)
        missing = expected - dataset.id.get_num_chunks()
        part = f"{missing} of {expected} chunks"
    if missing <= 0:
        return ""
    return (
        f"{part} of {dataset.name} were never written and would read as"
        f" {dataset.fillvalue}"
    )


def check_chunks(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse chunks that decode to more than their shape says.

    Parameters
    ----------
    path
        The file, for messages.
    dataset
        One whose voxels lie in the file itself.

    Raises
    ------
    ValueError
        If they went through an unknown filter, are much larger than the dataset, or one
        has more bytes than its voxels.
    """
    if dataset.chunks is None:
        return
    filters = _filters(path, dataset)
    decoded = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if decoded > max(dataset.nbytes, LARGEST_CHUNK):
        raise ValueError(
            f"{path}: {dataset.name} has chunks of {dataset.chunks} for"
            f" {dataset.shape} voxels; expected them to be no larger than it, it is"
            " damaged: copy it again, or write it again with smaller ones"
        )
    chunks: list[Any] = []
    dataset.id.chunk_iter(chunks.append)
    for chunk in chunks:
        size, most = chunk.size, 2 * decoded + 65536
        if size <= most and _is_compressed(chunk, filters):
            _, raw = dataset.id.read_direct_chunk(chunk.chunk_offset)
            # The checksum may be among the compressed bytes.
            most = decoded + CHECKSUM_BYTES
            if h5py.h5z.FILTER_DEFLATE in filters:
                size = len(zlib.decompressobj().decompress(raw, most + 1))
            else:
                # Or it follows them.
                is_last = filters[-1] == h5py.h5z.FILTER_FLETCHER32
                size = _size_of_lzf(raw[: len(raw) - CHECKSUM_BYTES * is_last])
        if size > most:
            raise ValueError(
                f"{path}: the chunk of {dataset.name} at {chunk.chunk_offset} has more"
                f" bytes than its {decoded}; it is damaged, copy it again"
            )


def _filters(path: Path, dataset: h5py.Dataset) -> list[int]:
    """Return the codes of a dataset's filters, first to last, if all are known."""
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
    has_both = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF} <= set(filters)
    is_repeated = len(set(filters)) < len(filters)
    if has_both or is_repeated or not set(filters) <= set(FILTERS):
        raise ValueError(
            f"{path}: {dataset.name} went through the filters"
            f" {', '.join(FILTERS.get(code, f'number {code}') for code in filters)};"
            f" expected {', '.join(FILTERS.values())}, each at most once and one of"
            " deflate and lzf; write it again with one of these"
        )
    return filters


def _is_compressed(chunk: Any, filters: list[int]) -> bool:
    """Return whether a chunk went through a compressor; its mask can skip it."""
    return any(
        code in (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF)
        and not chunk.filter_mask >> place & 1
        for place, code in enumerate(filters)
    )


def _size_of_lzf(raw: bytes) -> int:
    """Return the number of bytes that LZF's decode to.

    The library takes more memory until they fit, and each can stand for 88.

    Source: LibLZF 3.6, lzf_d.c.
    """
    place = size = 0
    length = len(raw)
    while place < length:
        control = raw[place]
        if control < 32:  # one byte more than this number follows, not compressed
            size += control + 1
            place += control + 2
        elif control < 224:  # three to eight bytes are repeated
            size += (control >> 5) + 2
            place += 2
        else:  # the next byte says how many more
            size += raw[place + 1] + 9
            place += 3
    return size
