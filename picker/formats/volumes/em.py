"""EM files, as TOM, PyTom and Dynamo write them: a volume without its voxel size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from picker.formats.volumes.files import LONGEST_AXIS, checked_voxel_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Order = Literal["<", ">"]
HEADER_BYTES = 512
# The first byte names the machine: OS-9, VAX, Convex, SGI, Sun, Mac, PC.
ORDERS: dict[int, Order] = {0: ">", 1: "<", 2: "<", 3: ">", 4: ">", 5: ">", 6: "<"}
DTYPES = {1: "u1", 2: "i2", 4: "i4", 5: "f4", 9: "f8"}
COMPLEX = (8, 10)


def is_em(raw: bytes) -> bool:
    """Return whether a file that begins with these bytes may be an EM file.

    The format has no magic number, and a few big-endian MRC files look like it: ask
    `mrc.is_mrc` first.
    """
    return len(raw) >= HEADER_BYTES and _shape_zyx(raw) is not None


def read_volume(
    path: Path, voxel_size: float | None = None
) -> tuple[NDArray[Any], float, list[str]]:
    """Return the mapped volume, its voxel size [Å] and warnings.

    Parameters
    ----------
    path
        EM file of bytes, 16- or 32-bit integers, or 32- or 64-bit floats.
    voxel_size
        Edge of a voxel [Å]. The header's is not read: programs differ in whether it is
        in Å or nm, and most leave it 0.

    Returns
    -------
    `(z, y, x)` read-only memory map in the file's own type and byte order, voxel size
    [Å], warnings that name the file.

    Raises
    ------
    ValueError
        If the file is no EM file, truncated or complex, or no voxel size is given.

    Source: Hegerl 1996, The EM Program Package, https://doi.org/10.1006/jsbi.1996.0019;
    header fields as TOM documents them, dtegunov/tom, IOfun/tom_emread.m.
    """
    with path.open("rb") as file:
        raw = file.read(HEADER_BYTES)
    shape = _shape_zyx(raw) if len(raw) == HEADER_BYTES else None
    if shape is None:
        raise ValueError(
            f"{path} is not an EM file; expected a header of {HEADER_BYTES} bytes with"
            " machine, type and size, copy it again"
        )
    if raw[3] in COMPLEX:
        raise ValueError(
            f"{path} holds complex numbers (type {raw[3]}); expected a volume in real"
            " space, save it as 32-bit floats (type 5)"
        )
    dtype = np.dtype(DTYPES[raw[3]]).newbyteorder(ORDERS[raw[0]])
    expected = HEADER_BYTES + math.prod(shape) * dtype.itemsize
    length = path.stat().st_size
    if length < expected:
        raise ValueError(
            f"{path} is truncated: its header announces {expected} bytes"
            f" ({shape[2]} x {shape[1]} x {shape[0]} voxels), the file has {length};"
            " copy or reconstruct it again"
        )
    warnings = []
    if length > expected:
        warnings.append(
            f"{path}: {length - expected} bytes more than its header announces are left"
            " out"
        )
    if dtype.kind == "u":
        warnings.append(
            f"{path}: its bytes are read as 0 to 255, as TOM does; if they have a sign,"
            " save it as 32-bit floats (type 5)"
        )
    size, more = checked_voxel_size(path, [], voxel_size)
    volume: NDArray[Any] = np.memmap(
        path, dtype=dtype, mode="r", offset=HEADER_BYTES, shape=shape
    )
    return volume, size, warnings + more


def _shape_zyx(raw: bytes) -> tuple[int, int, int] | None:
    """Return the shape that a header announces [voxels], None if it is no EM header."""
    if raw[0] not in ORDERS or raw[3] not in (*DTYPES, *COMPLEX):
        return None
    x, y, z = np.frombuffer(raw, f"{ORDERS[raw[0]]}i4", count=3, offset=4).tolist()
    fits = all(0 < axis <= LONGEST_AXIS for axis in (x, y, z))
    return (z, y, x) if fits else None
