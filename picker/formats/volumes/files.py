"""Checks that all readers of volumes share: sizes in voxels, in bytes and in Å."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READABLE = "an MRC, EM or HDF5 file or a Zarr folder"
MISSING_CHUNKS = (
    "set tomograms.missing_chunks: fill (picker predict and convert: --missing-chunks"
    " fill)"
)
STACKS = (
    "set tomograms.stacks_are_volumes: true (picker predict and convert:"
    " --stacks-are-volumes)"
)
SET_VOXEL_SIZE = "set voxel_size in the table or tomograms.voxel_size"
MIN_VOXEL_SIZE, MAX_VOXEL_SIZE = 0.1, 1000.0
"""Voxel sizes that an electron microscope's tomograms can have [Å]."""
LONGEST_AXIS = 100_000
"""Most voxels along an axis; more is damage, and would fill the memory."""
LARGEST_CHUNK = 2**30
"""Largest chunk of an array that is itself smaller than its chunks [bytes]."""


def check_memory(path: Path, shape: Sequence[int], bytes_each: int) -> None:
    """Refuse a volume that this machine cannot hold, before any of it is read.

    Raises
    ------
    ValueError
        If it is larger than this machine's memory.
    """
    size = math.prod(shape) * bytes_each
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise ValueError(too_large(path, shape, bytes_each))


def check_shape(
    path: Path,
    shape: Sequence[int],
    expected: tuple[int, int, int],
    what: str = "mask",
) -> None:
    """Refuse a mask, or what else it is, of another shape than its tomogram's.

    Raises
    ------
    ValueError
        If its number of voxels differs along an axis.
    """
    if tuple(shape) != tuple(expected):
        raise ValueError(
            f"{what} {path} has shape {tuple(shape)} (z, y, x); expected the"
            f" tomogram's, {tuple(expected)}"
        )


def check_dimensions(path: Path, shape: Sequence[int], dimensions: int) -> None:
    """Refuse a micrograph among tomograms, and a tomogram among micrographs.

    Raises
    ------
    ValueError
        If it has one slice and 3 dimensions are wanted, or several and 2 are.
    """
    if (shape[0] == 1) == (dimensions == 2):
        return
    num = "one slice: a micrograph" if shape[0] == 1 else f"{shape[0]} slices"
    raise ValueError(
        f"{path} has {num}, but tomograms.dimensions is {dimensions}; expected"
        f" {'micrographs' if dimensions == 2 else 'tomograms'} alone, take it out of"
        f" the table, or set tomograms.dimensions: {5 - dimensions} if all are such"
    )


def too_large(path: Path, shape: Sequence[int], bytes_each: int = 4) -> str:
    """Return the message for a volume that does not fit into the memory."""
    size = math.prod(shape) * bytes_each / 1e9
    return (
        f"{path} has {' x '.join(map(str, shape))} voxels (z, y, x), {size:.3g} GB in"
        " memory, more than there is; bin it, or find a larger machine"
    )


def checked_voxel_size(
    path: Path, stored: Sequence[float], set_size: float | None
) -> tuple[float, list[str]]:
    """Return the edge of a voxel [Å] and warnings, if the sizes can be believed.

    Parameters
    ----------
    path
        The volume, for messages.
    stored
        The file's own size along each axis [Å]; empty if it has none.
    set_size
        The user's size [Å]; it wins over the file's.

    Raises
    ------
    ValueError
        If the user sets none and the file's sizes are missing, 0, exactly 1 (what
        programs write that do not know it), differ by more than 1e-3, or are not those
        of an electron microscope's tomograms; or the user's is not above 0.
    """
    size = sum(stored) / len(stored) if stored else 0.0
    problem = _problem(stored)
    if set_size is not None:
        if not (math.isfinite(set_size) and set_size > 0):
            raise ValueError(
                f"voxel_size for {path} is {set_size} Å; expected more than 0,"
                f" {SET_VOXEL_SIZE}"
            )
        if not problem and abs(size - set_size) > 0.01 * set_size:
            return float(set_size), [
                f"{path}: voxel size {set_size:g} Å was set, the file says {size:g} Å"
            ]
        return float(set_size), []
    if problem:
        raise ValueError(f"voxel_size of {path} is {problem}; {SET_VOXEL_SIZE}")
    # Headers hold float32: 10.012 comes back as 10.01200008.
    return round(size, 5), []


def _problem(stored: Sequence[float]) -> str:
    """Return why the sizes cannot be believed, or nothing."""
    if not stored:
        return "missing"
    shown = " x ".join(f"{size:g}" for size in stored)
    if not all(math.isfinite(size) and size > 0 for size in stored):
        return f"{shown} Å, expected more than 0"
    if max(stored) - min(stored) > 1e-3 * max(stored):
        return f"{shown} Å, expected the same along each axis"
    if all(abs(size - 1) < 1e-6 for size in stored):
        return "exactly 1.0 Å, which programs write that do not know it"
    if not MIN_VOXEL_SIZE <= min(stored) <= max(stored) <= MAX_VOXEL_SIZE:
        return (
            f"{shown} Å, expected {MIN_VOXEL_SIZE:g} to"
            f" {MAX_VOXEL_SIZE:g} Å: in another unit?"
        )
    return ""
