"""IMOD's binary models (.mod): points of objects, in pixels.

IMOD's x and y count from the corner of the first pixel and its z from the centre of
the first slice: voxel p is at p + (0.5, 0.5, 0).

Source: IMOD, binary model file format,
https://bio3d.colorado.edu/imod/doc/binspec.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.records import Coordinates, coordinates_from_xyz
from picker.formats.rows import each_class
from picker.whole import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.formats.records import TomogramPicks

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
LENGTH = struct.Struct(">i")
POINT_BYTES, INDEX_BYTES = 12, 4
SHIFT_XYZ = (0.5, 0.5, 0.0)
SCATTERED = 1 << 9
MODEL_FLAGS = (1 << 12) | (1 << 13) | (1 << 15)  # what IMOD itself sets in new models
NANOMETRE = -9
NAME_BYTES = 64
REGIONS = "region-to-label"
"""Object that says where to look, in a model to mend; its points are no picks."""


def read_model(path: Path) -> Coordinates:
    """Return the points of all objects, in voxels from the centre of voxel 0.

    An object's name is its points' class if every object with points has one. Meshes
    and everything else that a model can hold are passed over; `REGIONS` too, with a
    warning, for a pick is easily set into the wrong object.

    Raises
    ------
    ValueError
        If it is no IMOD model, truncated, a count in it is negative or larger than
        the file, or a point is not finite.
    """
    data = path.read_bytes()
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + MODEL.size:
        raise ValueError(
            f"{path} is no whole IMOD model: it has {len(data)} bytes and begins with"
            f" {data[:8]!r}; expected {MAGIC.decode()} and a header, copy it again"
        )
    names: list[str] = []
    parts: list[NDArray[np.float64]] = []
    particle: list[str] = []
    num_regions = 0
    for name, points in _contours(path, data):
        if name == REGIONS:
            num_regions += len(points)
            continue
        names += [] if name in names else [name]
        parts.append(points)
        particle += [name] * len(points)
    xyz = np.concatenate([np.empty((0, 3)), *parts]) - SHIFT_XYZ
    if not np.isfinite(xyz).all():
        row = int(np.flatnonzero(~np.isfinite(xyz).all(axis=1))[0])
        raise ValueError(
            f"{path}: point {row + 1} is not finite; expected numbers, mend it"
        )
    is_named = bool(names) and all(names)
    warning = (
        f"{path}: {num_regions} points of its object {REGIONS} are not taken as picks;"
        " if you set some there, move them into their particle's"
    )
    return coordinates_from_xyz(
        "IMOD model",
        "voxels",
        xyz,
        particle=particle if is_named else None,
        warnings=(warning,) if num_regions else (),
    )


def _contours(path: Path, data: bytes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield object name and `(n, 3)` points x, y, z of each contour that has points."""
    place = len(MAGIC) + MODEL.size
    name = ""
    while True:
        chunk = data[place : place + 4]
        place += 4
        match chunk:
            case b"IEOF":
                return
            case b"OBJT":
                _check_room(path, data, place, OBJECT.size, chunk)
                raw = data[place : place + NAME_BYTES].partition(b"\0")[0]
                name = raw.decode("utf-8", "replace").strip()
                place += OBJECT.size
            case b"CONT":
                _check_room(path, data, place, CONTOUR.size, chunk)
                num = CONTOUR.unpack_from(data, place)[0]
                place += CONTOUR.size
                _check_room(path, data, place, num * POINT_BYTES, chunk)
                points = np.frombuffer(data, ">f4", 3 * num, place)
                if num:
                    # A signaling NaN would warn here; the caller refuses any.
                    with np.errstate(invalid="ignore"):
                        wide = points.reshape(-1, 3).astype(np.float64)
                    yield name, wide
                place += num * POINT_BYTES
            case b"MESH":
                _check_room(path, data, place, MESH.size, chunk)
                vertices, indices = MESH.unpack_from(data, place)[:2]
                place += MESH.size
                _check_room(path, data, place, vertices * POINT_BYTES, chunk)
                place += vertices * POINT_BYTES
                _check_room(path, data, place, indices * INDEX_BYTES, chunk)
                place += indices * INDEX_BYTES
            case _:
                _check_room(path, data, place, LENGTH.size, chunk)
                length = LENGTH.unpack_from(data, place)[0]
                place += LENGTH.size
                _check_room(path, data, place, length, chunk)
                place += length


def _check_room(path: Path, data: bytes, place: int, size: int, chunk: bytes) -> None:
    """Refuse a size that is negative or reaches beyond the end of the file."""
    if not 0 <= size <= len(data) - place:
        raise ValueError(
            f"{path} is damaged or truncated: its part {chunk!r} at byte {place} wants"
            f" {size} bytes, {max(len(data) - place, 0)} are left; copy it again"
        )


def write_models(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[Particle]
) -> None:
    """Write `<tomogram>.mod`: an object of scattered points for each class.

    Points are float32 pixels; spheres have the particle's radius. IMOD keeps no scores.
    """
    names = [particle.name for particle in particles]
    _check_names(names)
    for _ in each_class(names, tomograms):
        pass  # one model holds all classes; what is missing is said once
    for one in tomograms:
        parts = [_header(one, len(particles))]
        for particle in particles:
            position = one.picks.of(particle.name).position_zyx
            xyz = position[:, ::-1] / one.voxel_size + SHIFT_XYZ
            parts.append(_object(particle, one.voxel_size, has_points=len(xyz) > 0))
            if len(xyz):
                parts.append(b"CONT" + CONTOUR.pack(len(xyz), 0, 0, 0))
                parts.append(xyz.astype(">f4").tobytes())
        parts.append(b"IEOF")
        with written_whole(folder / f"{one.tomogram}.mod") as temporary:
            temporary.write_bytes(b"".join(parts))


def _check_names(names: Sequence[str]) -> None:
    """Refuse names that IMOD would cut to the same 63 bytes, or cut at all."""
    for name in names:
        if len(name.encode()) >= NAME_BYTES:
            raise ValueError(
                f"particle {name} has a longer name than IMOD keeps; expected at most"
                f" {NAME_BYTES - 1} letters, rename it"
            )


def _header(one: TomogramPicks, num_objects: int) -> bytes:
    z, y, x = one.shape_zyx
    return MAGIC + MODEL.pack(
        one.tomogram.encode()[:127],
        *(x, y, z, num_objects),
        MODEL_FLAGS,
        *(1, 1, 0, 255),
        *(0.0, 0.0, 0.0, 1.0, 1.0, 1.0),
        *(0, 0, -1, 3, 128),
        one.voxel_size / 10,
        *(NANOMETRE, 0),
        *(0.0, 0.0, 0.0),
    )


def _object(particle: Particle, voxel_size: float, *, has_points: bool) -> bytes:
    """Return the header of an object whose points are drawn as spheres."""
    color = [value / 255 for value in bytes.fromhex(particle.color[1:])]
    return b"OBJT" + OBJECT.pack(
        particle.name.encode(),
        b"",
        int(has_points),
        SCATTERED,
        *(0, 1),
        *color,
        max(1, round(particle.radius / voxel_size)),
        *(1, 3, 1, 1, 0, 0, 0, 0),
        *(0, 0),
    )
