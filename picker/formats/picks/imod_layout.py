"""The bytes of IMOD's models (.mod): their structures and chunks.

Source: IMOD, binary model file format,
https://bio3d.colorado.edu/imod/doc/binspec.html.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAGIC = b"IMODV1.2"
# All numbers are big-endian. Name; size, objects; flags; draw and mouse mode, black
# and white level; offset and scale; what is selected, resolution, threshold; pixel
# size; units, checksum; angles.
MODEL = struct.Struct(">128s4iI4i6f5if2i3f")
# Name; unused; contours; flags; axis, draw mode; colour; sphere size; symbol, its
# size, widths of lines, style, flags, padding, transparency; meshes, surfaces.
OBJECT = struct.Struct(">64s64siI2i3fi8B2i")
CONTOUR = struct.Struct(">iI2i")
MESH = struct.Struct(">2iI2h")
# Scale, translation and rotation of the volume before last, and of the last; x, y, z.
MINX = struct.Struct(">18f")
LENGTH = struct.Struct(">i")
POINT_BYTES, INDEX_BYTES = 12, 4
SCATTERED = 1 << 9
HAS_ORIGIN = 1 << 14  # of the model: the old translation is the image's origin
FLIPPED = 1 << 16  # of the model: y and z are swapped, as in 3dmod -Y
MODEL_FLAGS = (1 << 12) | (1 << 13) | (1 << 15)  # what IMOD itself sets in new models
NANOMETRE = -9
NAME_BYTES = 64


def chunks_of_model(path: Path, data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk's name and the byte at which its content begins.

    Parameters
    ----------
    path
        The model, for messages.
    data
        Its bytes, from `MAGIC` on.

    Raises
    ------
    ValueError
        If a chunk's size is negative or reaches beyond the end of the file.
    """
    place = len(MAGIC) + MODEL.size
    while True:
        chunk = data[place : place + 4]
        place += 4
        match chunk:
            case b"IEOF":
                return
            case b"OBJT":
                size = OBJECT.size
            case b"CONT":
                _check_size(path, data, place, CONTOUR.size, chunk)
                size = CONTOUR.unpack_from(data, place)[0] * POINT_BYTES
                _check_size(path, data, place + CONTOUR.size, size, chunk)
                size += CONTOUR.size
            case b"MESH":
                _check_size(path, data, place, MESH.size, chunk)
                vertices, indices = MESH.unpack_from(data, place)[:2]
                inside = place + MESH.size
                for part in (vertices * POINT_BYTES, indices * INDEX_BYTES):
                    _check_size(path, data, inside, part, chunk)
                    inside += part
                size = inside - place
            case _:
                _check_size(path, data, place, LENGTH.size, chunk)
                size = LENGTH.unpack_from(data, place)[0]
                place += LENGTH.size
        _check_size(path, data, place, size, chunk)
        yield chunk, place
        place += size


def _check_size(path: Path, data: bytes, place: int, size: int, chunk: bytes) -> None:
    """Refuse a size that is negative or reaches beyond the end of the file."""
    if not 0 <= size <= len(data) - place:
        raise ValueError(
            f"{path} is damaged or truncated: its part {chunk!r} at byte {place} needs"
            f" {size} bytes, {max(len(data) - place, 0)} are left; copy it again"
        )
