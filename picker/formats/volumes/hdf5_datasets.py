"""Which dataset of an HDF5 file is the volume; never one that lies in another file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from picker.core.messages import cut
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGES = "MDF/images"
"""Group in which EMAN2 has its images."""
MAX_DATASETS = 1000
"""Datasets of one file after which no more are looked at."""
MAX_DEPTH = 50
"""Groups within groups below which none are looked at: the library takes a time that
grows with the square of the depth, and its stack ends."""
MAX_LINKS = 10
"""Soft links that are followed one after the other."""


def find_volume(path: Path, file: h5py.File) -> tuple[h5py.Dataset, list[float]]:
    """Return the dataset with the volume, and its voxel size along x, y and z [Å].

    Parameters
    ----------
    path
        The file, for messages.
    file
        The open file.

    Returns
    -------
    EMAN2's image and its sizes, or else the only three-dimensional dataset and none.

    Raises
    ------
    ValueError
        If there are none or several, or it lies in another file.

    Source: EMAN2, Eman2Metadata, https://blake.bcm.edu/emanwiki/EMAN2.
    """
    images = _item(path, file, IMAGES)
    if images is not None:
        numbers = [name for name in images if name.isdecimal()]
        if len(numbers) != 1:
            raise ValueError(
                f"{path} holds {len(numbers)} images of EMAN2 ({IMAGES}); expected one"
                " 3-D volume, save each as a file of its own"
            )
        image = _item(path, images, numbers[0])
        attributes = image.attrs
        sizes = [
            float(np.asarray(attributes[f"EMAN.apix_{axis}"]).reshape(-1)[0])
            for axis in "xyz"
            if f"EMAN.apix_{axis}" in attributes
        ]
        found = {f"{IMAGES}/{numbers[0]}/image": _item(path, image, "image")}
    else:
        sizes = []
        found = {item.name: item for item in _datasets(file) if item.ndim == 3}
    if len(found) != 1:
        names = listed(found) if found else "none"
        raise ValueError(
            f"{path} has {len(found)} three-dimensional datasets ({names}); expected"
            " one, write the tomogram to a file of its own"
        )
    ((name, dataset),) = found.items()
    if dataset is None:
        raise ValueError(
            f"{path} has no {name}; expected EMAN2's image there, copy it again"
        )
    return dataset, sizes


def parts_of(
    path: Path, file: h5py.File, dataset: h5py.Dataset
) -> Iterator[h5py.Dataset]:
    """Yield the dataset and, if it is virtual, those that hold its voxels.

    Raises
    ------
    ValueError
        If voxels lie in another file.
    """
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
                f"{path}: {dataset.name} is a virtual dataset whose parts lie in other"
                f" files or are virtual too ({cut(source.file_name)},"
                f" {cut(source.dset_name)}); expected its voxels in the file itself,"
                " copy them into one dataset"
            )
        parts[h5py.h5o.get_info(part.id).addr] = part
    # A layout may name the same part any number of times.
    yield from parts.values()


def _item(path: Path, group: h5py.Group, name: str, depth: int = 0) -> Any:
    """Return what a group has under a name, None if nothing, from this file only."""
    for part in name.strip("/").split("/"):
        link = group.get(part, getlink=True)
        if link is None or depth > MAX_LINKS:
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


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    """Return a file's first datasets, each once though it may have several names."""
    found: list[h5py.Dataset] = []
    seen = set()
    groups: list[h5py.Group] = [file]
    for _ in range(MAX_DEPTH):
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
                if len(found) == MAX_DATASETS:
                    return found
        groups = below
    return found
