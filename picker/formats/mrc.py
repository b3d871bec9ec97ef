"""MRC volumes, memory-mapped; the header is believed only as far as it is sound."""

from __future__ import annotations

import os
import warnings as python_warnings
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

READABLE_MODES = {0: 1, 1: 2, 2: 4, 6: 2, 12: 2}
"""Mode: bytes a voxel."""
HEADER_BYTES = 1024


def read_volume(
    path: Path, voxel_size: float | None = None
) -> tuple[NDArray[Any], float, list[str]]:
    """Return a volume `(z, y, x)`, its voxel size [Å] and warnings.

    The array is memory-mapped, in the file's own type and byte order. The header's
    origin and nstart are ignored: index 0 is at 0 Å.

    Parameters
    ----------
    path
        File of mode 0, 1, 2, 6 or 12.
    voxel_size
        Overrides the header's [Å].

    Raises
    ------
    ValueError
        If the file is compressed, truncated, no volume, of another mode, or its voxel
        size is unset (0 or 1.0) or anisotropic and none is given.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    if start[:2] == b"\x1f\x8b" or start[:3] == b"BZh":
        raise ValueError(f"{path} is compressed; unpack it first")
    if len(start) < HEADER_BYTES:
        raise ValueError(
            f"{path} has {len(start)} bytes; an MRC header alone has {HEADER_BYTES}."
            " Copy the file again"
        )
    warnings = []
    if start[208:211] != b"MAP":
        warnings.append(f"{path} has no MAP in its header; read as MRC all the same")
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")  # said below, in the user's terms
        with mrcfile.open(path, permissive=True, header_only=True) as mrc:
            header = mrc.header.copy()
            size = mrc.voxel_size.copy()
    _check_mode_and_size(path, header)
    if not start[212]:
        warnings.append(f"{path} has no machine stamp; little-endian is assumed")
    volume: NDArray[Any] = np.memmap(
        path,
        dtype=_dtype(header),
        mode="r",
        offset=HEADER_BYTES + int(header.nsymbt),
        shape=(int(header.nz), int(header.ny), int(header.nx)),
    )
    order = [int(header.maps), int(header.mapr), int(header.mapc)]
    if order != [3, 2, 1]:
        if sorted(order) != [1, 2, 3]:
            raise ValueError(
                f"{path} has axis order MAPC/R/S {order[::-1]}; expected 1, 2, 3 in"
                " some order. Mend the header"
            )
        volume = volume.transpose([order.index(axis) for axis in (3, 2, 1)])
        warnings.append(
            f"{path} stores its axes as MAPC/R/S {order[::-1]}; reordered to z, y, x"
        )
    return volume, voxel_size or _voxel_size(path, size), warnings


def _check_mode_and_size(path: Path, header: Any) -> None:
    """Refuse what cannot be read and files shorter than their header says."""
    mode = int(header.mode)
    if mode not in READABLE_MODES:
        raise ValueError(
            f"{path} has mode {mode}; expected one of {sorted(READABLE_MODES)}"
            " (real numbers). Convert it, or it is no MRC file"
        )
    shape = (int(header.nz), int(header.ny), int(header.nx))
    if min(shape) < 1 or int(header.nsymbt) < 0:
        raise ValueError(f"{path} has size {shape} in its header; it is no MRC volume")
    if int(header.ispg) >= 401:
        raise ValueError(
            f"{path} is a stack of volumes (space group {int(header.ispg)});"
            " give one file a tomogram"
        )
    expected = (
        HEADER_BYTES
        + int(header.nsymbt)
        + (READABLE_MODES[mode] * shape[0] * shape[1] * shape[2])
    )
    found = path.stat().st_size
    if found < expected:
        raise ValueError(
            f"{path} is truncated: its header promises {expected} bytes, the file has"
            f" {found}. Copy it again"
        )


def _dtype(header: Any) -> np.dtype[Any]:
    """Return the type of a voxel with the header's byte order."""
    kinds = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
    order = header.mode.dtype.byteorder
    return np.dtype(kinds[int(header.mode)]).newbyteorder(order)


def _voxel_size(path: Path, size: Any) -> float:
    """Return the header's voxel size [Å] if it can be true."""
    x, y, z = float(size.x), float(size.y), float(size.z)
    hint = "set voxel_size in the table, or tomograms.voxel_size"
    if not all(np.isfinite(v) and v > 0 for v in (x, y, z)):
        raise ValueError(f"voxel size of {path} is {x:g} Å; {hint}")
    if abs(x - 1) < 1e-6:
        raise ValueError(
            f"voxel size of {path} is 1.0 Å, what programs write that do not know it;"
            f" {hint}"
        )
    if max(x, y, z) > min(x, y, z) * (1 + 1e-3):
        raise ValueError(
            f"voxel size of {path} is {x:g} × {y:g} × {z:g} Å (x, y, z); expected the"
            f" same on all axes; {hint}"
        )
    return x


def write_volume(path: Path, volume: NDArray[np.float32], voxel_size: float) -> None:
    """Write a `(z, y, x)` volume and its voxel size [Å] as MRC, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with mrcfile.new(temporary, overwrite=True) as mrc:
        mrc.set_data(np.asarray(volume, np.float32))
        mrc.set_volume()
        mrc.voxel_size = voxel_size
    temporary.replace(path)
