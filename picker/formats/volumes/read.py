"""Volumes in any of the formats, which are recognised by their content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from picker.core.stamps import is_zarr
from picker.core.tomogram import Tomogram
from picker.formats.volumes import em, hdf5, mrc, ome_zarr
from picker.formats.volumes.files import READABLE, check_memory, check_shape, too_large

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHORTEST_AXIS = 16
"""Fewest voxels along an axis that the network can look at; micrographs have one along
z."""


class Accepting(Protocol):
    """A row of the table, or a command's options: which doubtful volumes are read."""

    @property
    def stacks_are_volumes(self) -> bool:
        """Whether what a header calls a stack of images is a volume."""

    @property
    def missing_chunks(self) -> str:
        """What missing chunks are: error, or fill."""


def accepted(source: Accepting) -> dict[str, bool]:
    """Return which doubtful volumes are read, as the readers' arguments."""
    return {
        "may_be_stack": source.stacks_are_volumes,
        "may_be_sparse": source.missing_chunks == "fill",
    }


def read_tomogram(
    path: Path,
    name: str,
    voxel_size: float | None = None,
    *,
    may_be_stack: bool = False,
    may_be_sparse: bool = False,
) -> tuple[Tomogram, list[str]]:
    """Return the tomogram in memory, as float32, and warnings.

    Arguments and errors as for `map_tomogram`.
    """
    stored, size, warnings = _read_image(
        path, voxel_size, may_be_stack=may_be_stack, may_be_sparse=may_be_sparse
    )
    volume = _in_memory(path, stored)
    _check_values(path, volume)
    return Tomogram(name=name, volume=volume, voxel_size=size), warnings


def map_tomogram(
    path: Path,
    name: str,
    voxel_size: float | None = None,
    *,
    may_be_stack: bool = False,
    may_be_sparse: bool = False,
) -> tuple[Tomogram, list[str]]:
    """Return the tomogram without making a copy of what can be mapped, and warnings.

    Parameters
    ----------
    path
        MRC, EM or HDF5 file or Zarr folder, whatever its name.
    name
        Name of the tomogram.
    voxel_size
        Edge of a voxel [Å]; overrides the file's.
    may_be_stack
        Whether what a header calls a stack of images is a volume.
    may_be_sparse
        Whether missing chunks are the fill value, else they are damage.

    Returns
    -------
    Tomogram whose volume may be read-only; of the file's own type if float32 holds all
    its numbers, else float32. Warnings.

    Raises
    ------
    ValueError
        If it cannot be read, is larger than the memory, is not 3-D, has an axis of
        fewer than 16 voxels (but for one slice, which is a micrograph), voxels that are
        not finite, or the same value in every voxel.
    MemoryError
        If it does not fit into the memory.
    """
    volume, size, warnings = map_volume(
        path, voxel_size, may_be_stack=may_be_stack, may_be_sparse=may_be_sparse
    )
    _check_values(path, volume)
    return Tomogram(name=name, volume=volume, voxel_size=size), warnings


def map_volume(
    path: Path,
    voxel_size: float | None = None,
    *,
    may_be_stack: bool = False,
    may_be_sparse: bool = False,
) -> tuple[NDArray[Any], float, list[str]]:
    """Return the volume, its voxel size [Å] and warnings; its values are not checked.

    For a file that `map_tomogram` has accepted, whose arguments and other errors these
    are: of one that can be mapped nothing is read before its slices.
    """
    stored, size, warnings = _read_image(
        path, voxel_size, may_be_stack=may_be_stack, may_be_sparse=may_be_sparse
    )
    # A plain view: each slice of a `memmap` would be made into one, which takes longer.
    volume = np.asarray(stored)
    fits = np.can_cast(volume.dtype, np.float32) and volume.dtype.isnative
    if not (fits and volume.flags.c_contiguous):
        volume = _in_memory(path, volume)
    return volume, size, warnings


def read_geometry(
    path: Path,
    voxel_size: float | None = None,
    *,
    may_be_stack: bool = False,
    may_be_sparse: bool = False,
) -> tuple[tuple[int, int, int], float, list[str]]:
    """Return a volume's shape (z, y, x), voxel size [Å] and warnings, not its voxels.

    Arguments as for `read_tomogram`, so that both accept and refuse the same volumes.

    Raises
    ------
    FileNotFoundError
        If there is no such volume.
    ValueError
        If it cannot be read, is not 3-D, or its voxel size cannot be believed.
    """
    if path.is_dir() and is_zarr(path):
        return ome_zarr.read_geometry(path, voxel_size, may_be_sparse=may_be_sparse)
    stored, size, warnings = _read(
        path, voxel_size, may_be_stack=may_be_stack, may_be_sparse=may_be_sparse
    )
    if stored.ndim != 3:
        raise ValueError(
            f"{path} has shape {stored.shape}; expected a volume with three axes (z, y,"
            " x), write it to a file of its own"
        )
    z, y, x = stored.shape
    return (z, y, x), size, warnings


def read_mask(
    path: Path,
    shape_zyx: tuple[int, int, int] | None = None,
    *,
    may_be_empty: bool = False,
) -> NDArray[np.bool_]:
    """Return `(z, y, x)` true where the mask volume is above 0.

    Parameters
    ----------
    path
        Any file that `read_tomogram` reads; its voxel size does not matter.
    shape_zyx
        The tomogram's number of voxels; not checked if None.
    may_be_empty
        Whether nothing need be above 0.

    Raises
    ------
    ValueError
        If its shape is not the tomogram's, it holds no real numbers or some that are
        NaN, or nothing is above 0.
    """
    # Masks often have no voxel size; with any number the reader does not refuse them.
    # They are stored without empty chunks. That their shape is the tomogram's says more
    # than what a header calls them.
    stored, _, _ = _read(
        path, 1.0, may_be_stack=True, may_be_sparse=True, shape_zyx=shape_zyx
    )
    if shape_zyx is not None:
        check_shape(path, stored.shape, shape_zyx)
    if stored.dtype.kind not in "biuf":
        raise ValueError(f"mask {path} holds {stored.dtype}; expected real numbers")
    # A slice's greatest value is NaN where one of its voxels is.
    if stored.dtype.kind == "f" and np.isnan([part.max() for part in stored]).any():
        raise ValueError(
            f"mask {path} has voxels that are NaN; expected numbers, above 0 in what it"
            " shows, make it again"
        )
    try:
        mask: NDArray[np.bool_] = np.asarray(stored > 0)
    except MemoryError as error:
        raise MemoryError(too_large(path, stored.shape)) from error
    if not (may_be_empty or mask.any()):
        raise ValueError(
            f"mask {path} is 0 everywhere; expected values above 0 where picks are"
            " wanted"
        )
    return mask


def _read_image(
    path: Path, voxel_size: float | None, *, may_be_stack: bool, may_be_sparse: bool
) -> tuple[NDArray[Any], float, list[str]]:
    """Return what `_read` does if it can be a tomogram by its type and shape."""
    stored, size, warnings = _read(
        path, voxel_size, may_be_stack=may_be_stack, may_be_sparse=may_be_sparse
    )
    if stored.dtype.kind not in "iuf":
        raise ValueError(f"{path} holds {stored.dtype}; expected real numbers")
    # One slice is a micrograph.
    sides = stored.shape[1:] if stored.shape[:1] == (1,) else stored.shape
    if stored.ndim != 3 or min(sides) < SHORTEST_AXIS:
        raise ValueError(
            f"{path} has shape {stored.shape} (z, y, x); expected a volume with at"
            f" least {SHORTEST_AXIS} voxels along each axis, or one slice"
        )
    z, y, x = stored.shape
    if z > min(y, x):
        warnings.append(
            f"{path}: z is not the thinnest axis (x {x}, y {y}, z {z}); if the"
            " reconstruction was not rotated, rotate it about x"
        )
    check_memory(path, stored.shape, 4)
    return stored, size, warnings


def _in_memory(path: Path, volume: NDArray[Any]) -> NDArray[np.float32]:
    """Return a copy as float32."""
    try:
        return np.array(volume, dtype=np.float32, order="C")
    except MemoryError as error:
        raise MemoryError(too_large(path, volume.shape)) from error


def _check_values(path: Path, volume: NDArray[Any]) -> None:
    """Refuse voxels that are not finite, and a volume without an image."""
    # A voxel that is not finite makes one of its slice's extremes so.
    with np.errstate(invalid="ignore"):
        ends = np.array([(float(s.min()), float(s.max())) for s in volume])
    if not np.isfinite(ends).all():
        bad = sum(s.size - np.count_nonzero(np.isfinite(s)) for s in volume)
        raise ValueError(
            f"{path} has {bad} of {volume.size} voxels that are not finite (NaN or"
            " infinite); expected numbers, reconstruct it again"
        )
    if ends.min() == ends.max():
        raise ValueError(
            f"{path} is constant: every voxel is {ends[0, 0]:g}; expected an image,"
            " copy or reconstruct it again"
        )


def _read(
    path: Path,
    voxel_size: float | None,
    *,
    may_be_stack: bool,
    may_be_sparse: bool,
    shape_zyx: tuple[int, int, int] | None = None,
) -> tuple[NDArray[Any], float, list[str]]:
    """Return what the first reader that knows the file's beginning reads."""
    if not path.exists():
        raise FileNotFoundError(f"volume {path} does not exist; fix its path")
    if path.is_dir():
        if not is_zarr(path):
            raise ValueError(
                f"{path} is a folder without Zarr metadata (zarr.json or .zattrs);"
                f" expected {READABLE}"
            )
        return ome_zarr.read_volume(
            path, voxel_size, may_be_sparse=may_be_sparse, shape_zyx=shape_zyx
        )
    if not path.is_file():
        # Opening a pipe would never end.
        raise ValueError(
            f"{path} is a pipe, a socket or a device; expected {READABLE}, write the"
            " volume to a file"
        )
    with path.open("rb") as file:
        raw = file.read(mrc.HEADER_BYTES)
    if raw.startswith(hdf5.MAGIC):
        return hdf5.read_volume(
            path, voxel_size, may_be_sparse=may_be_sparse, shape_zyx=shape_zyx
        )
    if em.is_em(raw) and not mrc.is_mrc(raw):
        return em.read_volume(path, voxel_size)
    return mrc.read_volume(path, voxel_size, may_be_stack=may_be_stack)
