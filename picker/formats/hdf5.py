"""HDF5 files, as EMAN2 writes them: a volume and its voxel size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from picker.formats.files import checked_voxel_size
from picker.formats.text import cut, listed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"\x89HDF\r\n\x1a\n"
IMAGES = "MDF/images"
LONGEST_AXIS = 100_000
MANY = 1000
"""Datasets of one file after which no more are looked at."""
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, AttributeError, ValueError)
"""What the library raises at damaged files."""


def read_volume(
    path: Path, voxel_size: float | None = None, *, may_be_sparse: bool = False
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
        What was never written is empty, as masks are saved; else it is an error.

    Returns
    -------
    `(z, y, x)` volume in the file's own type, voxel size [Å], warnings.

    Raises
    ------
    ValueError
        If the file is damaged, truncated or a stack, it is not clear which dataset is
        the volume, parts of it were never written, or its voxel size cannot be
        believed.

    Source: EMAN2, Eman2Metadata, https://blake.bcm.edu/emanwiki/EMAN2.
    """
    try:
        # Reading needs no lock, and shared disks often cannot give one.
        with h5py.File(path, "r", locking=False) as file:
            dataset, sizes = _volume(path, file)
            _check_size(path, dataset)
            if not may_be_sparse:
                _check_written(path, dataset)
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
        if isinstance(error, ValueError) and str(error).startswith(f"{path}"):
            raise
        raise ValueError(
            f"{path} cannot be read as HDF5 ({cut(error)}); expected a whole file with"
            " a volume, copy it again or convert it to MRC"
        ) from error
    chosen, warnings = checked_voxel_size(path, sizes, voxel_size)
    return volume, chosen, warnings


def _volume(path: Path, file: h5py.File) -> tuple[h5py.Dataset, list[float]]:
    """Return the dataset with the volume, and its voxel size along x, y and z [Å]."""
    if IMAGES in file:
        images = file[IMAGES]
        names = [name for name in images if name.isdecimal()]
        if len(names) != 1:
            raise ValueError(
                f"{path} holds {len(names)} images of EMAN2 ({IMAGES}); expected one"
                " 3-D volume, save each as a file of its own"
            )
        attributes = images[names[0]].attrs
        sizes = [
            float(np.asarray(attributes[f"EMAN.apix_{axis}"]).reshape(-1)[0])
            for axis in "xyz"
            if f"EMAN.apix_{axis}" in attributes
        ]
        found = {f"{IMAGES}/{names[0]}/image": images[names[0]]["image"]}
    else:
        sizes = []
        found = {item.name: item for item in _datasets(file) if item.ndim == 3}
    if len(found) != 1:
        what = listed(found) if found else "none"
        raise ValueError(
            f"{path} has {len(found)} three-dimensional datasets ({what}); expected"
            " one, write the tomogram to a file of its own"
        )
    (dataset,) = found.values()
    return dataset, sizes


def _datasets(group: h5py.Group) -> list[h5py.Dataset]:
    """Return the first datasets of a file, at any depth."""
    found: list[h5py.Dataset] = []

    def look(_: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found.append(item)
        # Anything but None ends the visit.
        return True if len(found) == MANY else None

    group.visititems(look)
    return found


def _check_size(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse what is too large to be true."""
    if max(dataset.shape, default=0) > LONGEST_AXIS:
        raise ValueError(
            f"{path} announces {dataset.shape} voxels; expected at most {LONGEST_AXIS}"
            " along each axis, it is damaged: copy it again"
        )


def _check_written(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse what would read as zeros."""
    if dataset.is_virtual:
        return
    if dataset.chunks is None:
        missing = dataset.nbytes - dataset.id.get_storage_size()
        if missing > 0:
            raise ValueError(
                f"{path}: {missing} of {dataset.nbytes} bytes of {dataset.name} were"
                f" never written and would read as {dataset.fillvalue}; write or copy"
                " it again"
            )
        return
    counts = zip(dataset.shape, dataset.chunks, strict=True)
    expected = math.prod(math.ceil(n / m) for n, m in counts)
    written = dataset.id.get_num_chunks()
    if written < expected:
        raise ValueError(
            f"{path}: {expected - written} of {expected} chunks of {dataset.name} were"
            f" never written and would read as {dataset.fillvalue}; write or copy it"
            " again"
        )
