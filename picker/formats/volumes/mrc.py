"""MRC files: a volume and its voxel size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from picker.core.files import written_whole
from picker.formats.volumes.files import (
    LONGEST_AXIS,
    READABLE,
    STACKS,
    checked_voxel_size,
)
from picker.formats.volumes.mrc_stacks import Order, why_a_stack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEADER_BYTES = 1024
DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
REFUSED = {3: "complex numbers", 4: "complex numbers", 101: "4-bit numbers"}
STAMPS: dict[bytes, Order] = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}
IMOD_STAMP = 1146047817
# What files of other kinds begin with, and what to do about them.
OTHER_KINDS = {
    b"\x1f\x8b": ("compressed with gzip", "unpack it with gunzip"),
    b"BZh": ("compressed with bzip2", "unpack it with bunzip2"),
    b"\xfd7zXZ": ("compressed with xz", "unpack it with unxz"),
    b"PK\x03\x04": ("a zip archive", "unpack it"),
    b"II*\x00": ("a TIFF file", "convert it to MRC"),
    b"MM\x00*": ("a TIFF file", "convert it to MRC"),
}


def read_volume(
    path: Path, voxel_size: float | None = None, *, may_be_stack: bool = False
) -> tuple[NDArray[Any], float, list[str]]:
    """Return the mapped volume, its voxel size [Å] and warnings.

    The header's origin and nstart are ignored: index 0 is at 0 Å.

    Parameters
    ----------
    path
        MRC file of mode 0, 1, 2, 6 or 12, of either byte order.
    voxel_size
        Edge of a voxel [Å]; overrides the header's.
    may_be_stack
        Whether what the header or the name calls a stack of images is a volume.

    Returns
    -------
    `(z, y, x)` read-only memory map in the file's own type and byte order, voxel size
    [Å], warnings that name the file.

    Raises
    ------
    ValueError
        If the file is no MRC, compressed, truncated, complex or 4-bit, a stack of
        volumes or of images such as a tilt series, or its voxel size cannot be
        believed.

    Source: Cheng et al. 2015, MRC2014: Extensions to the MRC format header,
    https://doi.org/10.1016/j.jsb.2015.04.002
    """
    with path.open("rb") as file:
        raw = file.read(HEADER_BYTES)
    order, warnings = _byte_order(path, raw)
    header = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0]
    dtype = _dtype(path, header).newbyteorder(order)
    if 401 <= header["ispg"] <= 630:
        raise ValueError(
            f"{path} is a stack of volumes (space group {header['ispg']}); expected"
            " one 3-D volume, save each as a file of its own"
        )
    shape = (int(header["nz"]), int(header["ny"]), int(header["nx"]))
    offset = HEADER_BYTES + int(header["nsymbt"])
    expected = offset + math.prod(shape) * dtype.itemsize
    length = path.stat().st_size
    if length < expected:
        raise ValueError(
            f"{path} is truncated: its header announces {expected} bytes"
            f" ({shape[2]} x {shape[1]} x {shape[0]} voxels), the file has {length};"
            " copy or reconstruct it again"
        )
    if not may_be_stack and (why := why_a_stack(path, header, order)):
        raise ValueError(
            f"{path} is {shape[0]} images and no volume: {why}; expected a"
            f" reconstructed tomogram. If it is one, {STACKS}"
        )
    if length > expected:
        warnings.append(
            f"{path}: {length - expected} bytes more than its header announces are left"
            " out"
        )
    volume: NDArray[Any] = np.memmap(
        path, dtype=dtype, mode="r", offset=offset, shape=shape
    )
    if _is_unsigned_imod(raw, order, int(header["mode"])):
        volume = volume.view(np.uint8)
    volume = _zyx(path, volume, header, warnings)
    stored = _header_voxel_size(header)
    if shape[0] == 1:
        # Of an image many programs leave the cell along z at 0.
        stored = stored[:2]
    size, more = checked_voxel_size(path, stored, voxel_size)
    return volume, size, warnings + more


def write_volume(path: Path, volume: NDArray[Any], voxel_size: float) -> None:
    """Write a volume, whole or not at all.

    Parameters
    ----------
    path
        File to write or replace.
    volume
        `(z, y, x)` float32, float16, int8, int16 or uint16; others become float32.
    voxel_size
        Edge of a voxel [Å].
    """
    if volume.dtype.kind + str(volume.dtype.itemsize) not in DTYPES.values():
        volume = volume.astype(np.float32)
    with written_whole(path) as temporary, mrcfile.new(temporary) as file:
        file.set_data(volume)
        file.set_volume()
        file.voxel_size = voxel_size


def _byte_order(path: Path, raw: bytes) -> tuple[Order, list[str]]:
    """Return `<` or `>` and warnings; the header's numbers decide, not its stamp.

    Raises
    ------
    ValueError
        If the numbers make no sense either way: this is no MRC file.
    """
    stamp = raw[212:214]
    named = STAMPS.get(stamp, "<")
    orders: tuple[Order, Order] = ("<", ">") if named == "<" else (">", "<")
    order = next((order for order in orders if _makes_sense(raw, order)), None)
    if order is None:
        kind, advice = next(
            (kind for start, kind in OTHER_KINDS.items() if raw.startswith(start)),
            ("not an MRC file", f"give {READABLE}"),
        )
        raise ValueError(
            f"{path} is {kind}; expected an MRC file, got one that begins with"
            f" {raw[:8]!r}; {advice}"
        )
    warnings = []
    if STAMPS.get(stamp) != order:
        name = "little" if order == "<" else "big"
        warnings.append(
            f"{path}: machine stamp is {stamp.hex(' ')}, which does not say the byte"
            f" order; read as {name}-endian"
        )
    if raw[208:211] != b"MAP":
        warnings.append(f"{path}: no 'MAP' in its header; read as MRC anyway")
    return order, warnings


def is_mrc(raw: bytes) -> bool:
    """Return whether a file that begins with these bytes may be an MRC file."""
    return _makes_sense(raw, "<") or _makes_sense(raw, ">")


def _makes_sense(raw: bytes, order: Order) -> bool:
    if len(raw) < HEADER_BYTES:
        return False
    header = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0]
    axes = [int(header[name]) for name in ("nx", "ny", "nz")]
    return (
        all(0 < axis <= LONGEST_AXIS for axis in axes)
        and int(header["mode"]) in {*DTYPES, *REFUSED}
        and int(header["nsymbt"]) >= 0
    )


def _dtype(path: Path, header: np.void) -> np.dtype[Any]:
    mode = int(header["mode"])
    if mode in REFUSED:
        raise ValueError(
            f"{path} has mode {mode} ({REFUSED[mode]}); expected mode 0, 1, 2, 6 or 12,"
            " save it as 32-bit numbers (mode 2)"
        )
    return np.dtype(DTYPES[mode])


def _is_unsigned_imod(raw: bytes, order: Order, mode: int) -> bool:
    """Return whether bytes are 0 to 255: IMOD's stamp without its sign flag.

    Source: IMOD, MRC file format, https://bio3d.colorado.edu/imod/doc/mrc_format.txt
    """
    stamp, flags = np.frombuffer(raw, f"{order}i4", count=2, offset=152)
    return mode == 0 and int(stamp) == IMOD_STAMP and not int(flags) & 1


def _zyx(
    path: Path, volume: NDArray[Any], header: np.void, warnings: list[str]
) -> NDArray[Any]:
    """Return the volume with axes z, y, x; warn if they were in another order."""
    axes = tuple(int(header[name]) for name in ("maps", "mapr", "mapc"))
    if axes in ((3, 2, 1), (0, 0, 0)):
        return volume
    if sorted(axes) != [1, 2, 3]:
        raise ValueError(
            f"{path} says its axes are MAPC, MAPR, MAPS {axes[::-1]}; expected 1, 2 and"
            " 3 once each, fix the header"
        )
    warnings.append(
        f"{path}: axes reordered, its MAPC, MAPR, MAPS are {axes[::-1]} and not (1, 2,"
        " 3); RELION ignores them and reads other axes, so that its picks would not"
        " fit: for RELION write the file with axes 1, 2, 3 and pick in that"
    )
    return volume.transpose([axes.index(axis) for axis in (3, 2, 1)])


def _header_voxel_size(header: np.void) -> list[float]:
    """Return the cell over its intervals along x, y and z [Å], 0 if unknown."""
    return [
        float(header["cella"][axis]) / int(header[f"m{axis}"])
        if int(header[f"m{axis}"]) > 0
        else 0.0
        for axis in "xyz"
    ]
