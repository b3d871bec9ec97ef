"""Whether an MRC file holds images, such as a tilt series, and no volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE, get_ext_header_dtype

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Order = Literal["<", ">"]
"""Byte order: little or big."""
PART = 2**20
"""Bytes of an extended header that are read at a time."""
STACK_NAMES = (".st", ".ali", ".preali", ".mrcs", "_ali.mrc", "_preali.mrc")
"""Ends of names of files of images, aligned or not; the last two of newer IMOD."""


def why_a_stack(path: Path, header: np.void, order: Order) -> str:
    """Return what says that the sections are images, such as a tilt series; or nothing.

    Space group 0 alone says nothing: IMOD writes it into volumes too, with as many
    intervals as sections, which MRC2014 reserves for volumes.

    Parameters
    ----------
    path
        The file, whose name and extended header are looked at too.
    header
        Its header.
    order
        Its byte order.
    """
    sections = int(header["nz"])
    if sections == 1 or int(header["ispg"]) != 0:
        return ""
    if int(header["mz"]) == 1 and int(header["maps"]) in (0, 3):
        return "its header has space group 0 and MZ 1, as stacks of images have"
    if end := next((e for e in STACK_NAMES if path.name.lower().endswith(e)), ""):
        end = path.name[-len(end) :]
        return f"its header has space group 0, and its name ends with {end}"
    tilts = _tilts(path, header, order)
    if len(tilts) == sections and np.ptp(tilts) > 1:
        return (
            "its extended header has a tilt for each of them, from"
            f" {tilts.min():.4g}° to {tilts.max():.4g}°"
        )
    return ""


def _tilts(path: Path, header: np.void, order: Order) -> NDArray[np.float64]:
    """Return the tilt of each section in the extended header [degrees], or none.

    Source: MRC2014's extended headers FEI1 and FEI2; SERI of SerialEM, IMOD, MRC file
    format, https://bio3d.colorado.edu/imod/doc/mrc_format.txt
    """
    sections, kind = int(header["nz"]), bytes(header["exttyp"])
    if kind in (b"FEI1", b"FEI2"):
        dtype = get_ext_header_dtype(kind, order)
    elif kind == b"SERI":
        # The first number about each section, in hundredths of a degree.
        size, flags = np.frombuffer(bytes(header["extra2"])[16:20], f"{order}i2")
        if not int(flags) & 1 or size < 2:
            return np.zeros(0)
        dtype = np.dtype(
            {
                "names": ["Alpha tilt"],
                "formats": [f"{order}i2"],
                "itemsize": int(size),
            }
        )
    else:
        return np.zeros(0)
    size = sections * dtype.itemsize
    length = int(header["nsymbt"])
    with path.open("rb") as file:
        file.seek(HEADER_DTYPE.itemsize)
        raw = file.read(min(size, length))
        if len(raw) < size:
            return np.zeros(0)
        # If more sections follow, they are of the series that the volume was made from.
        # Read in parts: a header can announce any length, and a file can have holes.
        for start in range(size, length, PART):
            if file.read(min(PART, length - start)).strip(b"\0"):
                return np.zeros(0)
    tilts = np.frombuffer(raw, dtype, sections)["Alpha tilt"].astype(np.float64)
    return tilts / 100 if kind == b"SERI" else tilts
