"""HDF5 files, as EMAN2 writes them: a volume and its voxel size."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from picker.core.messages import cut
from picker.formats.text import listed
from picker.formats.volumes.files import (
    MISSING_CHUNKS,
    check_memory,
    check_shape,
    checked_voxel_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"\x89HDF\r\n\x1a\n"
IMAGES = "MDF/images"
LONGEST_AXIS = 100_000
MANY = 1000
"""Datasets of one file after which no more are looked at."""
DEEPEST = 50
"""Groups within groups below which none are looked at: the library takes a time that
grows with the depth's square, and a stack that has an end."""
LARGEST_CHUNK = 2**30
"""Of a dataset that is smaller than its chunks [bytes]."""
FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "deflate",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_LZF: "lzf",
}
"""Those that chunks may have gone through; others could make anything of a few bytes,
and some are loaded from the folder that an environment variable names."""
DAMAGE = (OSError, RuntimeError, LookupError, TypeError, AttributeError, ValueError)
"""What the library raises at damaged files."""


def read_volume(
    path: Path,
    voxel_size: float | None = None,
    *,
    may_be_sparse: bool = False,
    shape_zyx: tuple[int, int, int] | None = None,
) -> tuple[NDArray[Any], float, list[str]]:
    """Return the volume in memory, its voxel size [Å] and warnings.

    EMAN2's image is read, or else the only three-dimensional dataset that the file has.
    What EMAN2 compressed into whole numbers is not scaled back: that changes neither
    where things are nor, after normalisation, their values.

    Parameters
    ----------
    path
        HDF5 file.
    voxel_size
        Edge of a voxel [Å]; overrides EMAN2's; other files have none.
    may_be_sparse
        What was never written is the fill value, as masks are saved; else it is an
        error.
    shape_zyx
        The tomogram's, if this is its mask: no other is read.

    Returns
    -------
    `(z, y, x)` volume in the file's own type, voxel size [Å], warnings.

    Raises
    ------
    ValueError
        If the file is damaged, truncated or a stack, it is not clear which dataset is
        the volume, that lies in another file, parts of it were never written, decode
        to more than a chunk or went through an unknown filter, it is larger than the
        memory, or its voxel size cannot be believed.

    Source: EMAN2, Eman2Metadata, https://blake.bcm.edu/emanwiki/EMAN2.
    """
    warnings: list[str] = []
    try:
        # Reading needs no lock, and shared disks often cannot give one.
        with h5py.File(path, "r", locking=False) as file:
            dataset, sizes = _volume(path, file)
            if shape_zyx:
                check_shape(path, dataset.shape, shape_zyx)
            for part in _stored(path, file, dataset):
                _check_size(path, part)
                if unwritten := _unwritten(part):
                    if not may_be_sparse:
                        raise ValueError(
                            f"{path}: {unwritten}; write or copy it again, or if that"
                            f" is meant, {MISSING_CHUNKS}"
                        )
                    warnings.append(f"{path}: {unwritten}, as was accepted")
                if not part.is_virtual:
                    _check_chunks(path, part)
            check_memory(path, dataset.shape, dataset.dtype.itemsize)
            volume = np.asarray(dataset[...])
    except MemoryError as error:
        raise ValueError(
            f"{path} has more voxels than fit into the memory; bin it, or find a"
            " larger machine"
        ) from error
    except DAMAGE as error:
        # The library raises OSError at damage, without a number; with one it is the
        # disk's, which may pass. Our own errors begin with the path.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        own = str(error).removeprefix("mask ")
        if isinstance(error, ValueError) and own.startswith(f"{path}"):
            raise
        raise ValueError(
            f"{path} cannot be read as HDF5 ({cut(error)}); expected a whole file with"
            " a volume, copy it again or convert it to MRC"
        ) from error
    chosen, said = checked_voxel_size(path, sizes, voxel_size)
    return volume, chosen, warnings + said


def _volume(path: Path, file: h5py.File) -> tuple[h5py.Dataset, list[float]]:
    """Return the dataset with the volume, and its voxel size along x, y and z [Å]."""
    images = _item(path, file, IMAGES)
    if images is not None:
        names = [name for name in images if name.isdecimal()]
        if len(names) != 1:
            raise ValueError(
                f"{path} holds {len(names)} images of EMAN2 ({IMAGES}); expected one"
                " 3-D volume, save each as a file of its own"
            )
        image = _item(path, images, names[0])
        attributes = image.attrs
        sizes = [
            float(np.asarray(attributes[f"EMAN.apix_{axis}"]).reshape(-1)[0])
            for axis in "xyz"
            if f"EMAN.apix_{axis}" in attributes
        ]
        found = {f"{IMAGES}/{names[0]}/image": _item(path, image, "image")}
    else:
        sizes = []
        found = {item.name: item for item in _datasets(file) if item.ndim == 3}
    if len(found) != 1:
        what = listed(found) if found else "none"
        raise ValueError(
            f"{path} has {len(found)} three-dimensional datasets ({what}); expected"
            " one, write the tomogram to a file of its own"
        )
    ((name, dataset),) = found.items()
    if dataset is None:
        raise ValueError(
            f"{path} has no {name}; expected EMAN2's image there, copy it again"
        )
    return dataset, sizes


def _item(path: Path, group: h5py.Group, name: str, depth: int = 0) -> Any:
    """Return what a group holds by a name, None if nothing; never of another file."""
    for part in name.strip("/").split("/"):
        link = group.get(part, getlink=True)
        if link is None or depth > 10:
            return None
        if isinstance(link, h5py.ExternalLink):
            raise ValueError(
                f"{path}: {name} lies in another file, {cut(link.filename)}; expected"
                " it in the file itself, give that one or copy the volume into this"
            )
        if isinstance(link, h5py.SoftLink):
            start = group.file["/"] if link.path.startswith("/") else group
            group = _item(path, start, link.path, depth + 1)
            if group is None:
                return None
        else:
            group = group[part]
    return group


def _stored(
    path: Path, file: h5py.File, dataset: h5py.Dataset
) -> Iterator[h5py.Dataset]:
    """Yield the dataset and those that hold its voxels, which must lie in the file."""
    if dataset.external:
        raise ValueError(
            f"{path}: the voxels of {dataset.name} lie in another file,"
            f" {cut(dataset.external[0][0])}; expected them in the file itself, copy"
            " them into it"
        )
    yield dataset
    if not dataset.is_virtual:
        return
    parts = {}
    for source in dataset.virtual_sources():
        part = None
        if source.file_name == ".":
            part = _item(path, file, source.dset_name)
        if part is None or part.is_virtual or part.external:
            raise ValueError(
                f"{path}: {dataset.name} is put together of other files or of parts"
                f" that are so themselves ({cut(source.file_name)},"
                f" {cut(source.dset_name)}); expected its voxels in the file itself,"
                " copy them into one dataset"
            )
        parts[h5py.h5o.get_info(part.id).addr] = part
    # One may be named any number of times.
    yield from parts.values()


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    """Return the first datasets of a file, which may have several names."""
    found: list[h5py.Dataset] = []
    seen = set()
    groups: list[h5py.Group] = [file]
    for _ in range(DEEPEST):
        below = []
        for group in groups:
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    continue
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen and isinstance(item, h5py.Dataset):
                    found.append(item)
                elif address not in seen and isinstance(item, h5py.Group):
                    below.append(item)
                seen.add(address)
                if len(found) == MANY:
                    return found
        groups = below
    return found


def _check_size(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse what is too large to be true, and what has no size of its own."""
    if dataset.dtype.kind not in "biufc":
        raise ValueError(f"{path} holds {dataset.dtype}; expected real numbers")
    if max(dataset.shape, default=0) > LONGEST_AXIS:
        raise ValueError(
            f"{path} announces {dataset.shape} voxels; expected at most {LONGEST_AXIS}"
            " along each axis, it is damaged: copy it again"
        )


def _unwritten(dataset: h5py.Dataset) -> str:
    """Return what would read as the fill value, or nothing."""
    if dataset.is_virtual:
        put = sum(s.vspace.get_select_npoints() for s in dataset.virtual_sources())
        missing = dataset.size - put
        what = f"{missing} of {dataset.size} voxels"
    elif dataset.chunks is None:
        missing = dataset.nbytes - dataset.id.get_storage_size()
        what = f"{missing} of {dataset.nbytes} bytes"
    else:
        counts = zip(dataset.shape, dataset.chunks, strict=True)
        expected = math.prod(math.ceil(n / m) for n, m in counts)
        missing = expected - dataset.id.get_num_chunks()
        what = f"{missing} of {expected} chunks"
    if missing <= 0:
        return ""
    return (
        f"{what} of {dataset.name} were never written and would read as"
        f" {dataset.fillvalue}"
    )


def _check_chunks(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse chunks that could decode to more than their shape says.

    The library trusts them: a few kB that deflate made of zeros fill the memory.
    """
    if dataset.chunks is None:
        return
    decoded = math.prod(dataset.chunks) * dataset.dtype.itemsize
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
    unknown = [code for code in filters if code not in FILTERS]
    has_checksum = filters[-1:] == [h5py.h5z.FILTER_FLETCHER32]
    compressors = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF} & set(filters)
    if unknown or len(set(filters)) < len(filters) or len(compressors) > 1:
        raise ValueError(
            f"{path}: {dataset.name} went through the filters"
            f" {', '.join(FILTERS.get(code, f'number {code}') for code in filters)};"
            f" expected {', '.join(FILTERS.values())}, each at most once and one of"
            " deflate and lzf; write it again with one of these"
        )
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
        is_compressed = any(
            not chunk.filter_mask >> filters.index(code) & 1 for code in compressors
        )
        if size <= most and is_compressed:
            _, raw = dataset.id.read_direct_chunk(chunk.chunk_offset)
            # Four bytes of checksum may lie within.
            most = decoded + 4
            if h5py.h5z.FILTER_DEFLATE in compressors:
                size = len(zlib.decompressobj().decompress(raw, most + 1))
            else:
                # And stand behind.
                size = _size_of_lzf(raw[: len(raw) - 4 * has_checksum])
        if size > most:
            raise ValueError(
                f"{path}: the chunk of {dataset.name} at {chunk.chunk_offset} has more"
                f" bytes than its {decoded}; it is damaged, copy it again"
            )


def _size_of_lzf(raw: bytes) -> int:
    """Return how many bytes LZF's decode to.

    The library asks for more memory until they fit, and each can stand for 88.

    Source: LibLZF 3.6, lzf_d.c.
    """
    place = size = 0
    length = len(raw)
    while place < length:
        control = raw[place]
        if control < 32:  # as many bytes, and one, follow as they are
            size += control + 1
            place += control + 2
        elif control < 224:  # as were there before, three to eight
            size += (control >> 5) + 2
            place += 2
        else:  # and more, as the next one says
            size += raw[place + 1] + 9
            place += 3
    return size
