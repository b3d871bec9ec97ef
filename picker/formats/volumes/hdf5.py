"""HDF5 files, as EMAN2 writes them: a volume and its voxel size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from picker.core.messages import cut
from picker.formats.volumes.files import (
    MISSING_CHUNKS,
    check_memory,
    check_shape,
    checked_voxel_size,
)
from picker.formats.volumes.hdf5_chunks import check_chunks, check_size, unwritten
from picker.formats.volumes.hdf5_datasets import find_volume, parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"\x89HDF\r\n\x1a\n"
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
        Whether parts that were never written, as in masks, are the fill value; else
        they are an error.
    shape_zyx
        The tomogram's, if this is its mask: a mask of another shape is not read.

    Returns
    -------
    `(z, y, x)` volume in the file's own type, voxel size [Å], warnings.

    Raises
    ------
    ValueError
        If the file is damaged, truncated or a stack; if it is not clear which dataset
        is the volume, or that lies in another file; if parts of it were never written,
        decode to more than a chunk or went through an unknown filter; if it is larger
        than the memory, or its voxel size cannot be believed.
    OSError
        If the disk fails.

    Source: EMAN2, Eman2Metadata, https://blake.bcm.edu/emanwiki/EMAN2.
    """
    warnings: list[str] = []
    try:
        # Reading needs no lock, and shared disks often cannot give one.
        with h5py.File(path, "r", locking=False) as file:
            dataset, sizes = find_volume(path, file)
            if shape_zyx:
                check_shape(path, dataset.shape, shape_zyx)
            for part in parts_of(path, file, dataset):
                check_size(path, part)
                if gap := unwritten(part):
                    if not may_be_sparse:
                        raise ValueError(
                            f"{path}: {gap}; write or copy it again, or if that"
                            f" is meant, {MISSING_CHUNKS}"
                        )
                    warnings.append(f"{path}: {gap}, as was accepted")
                if not part.is_virtual:
                    check_chunks(path, part)
            check_memory(path, dataset.shape, dataset.dtype.itemsize)
            volume = np.asarray(dataset[...])
    except MemoryError as error:
        raise ValueError(
            f"{path} has more voxels than fit into the memory; bin it, or find a"
            " larger machine"
        ) from error
    except DAMAGE as error:
        # The library's OSError at damage has no number; one with a number is the
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
    size, more = checked_voxel_size(path, sizes, voxel_size)
    return volume, size, warnings + more
