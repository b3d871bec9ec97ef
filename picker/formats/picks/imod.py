"""IMOD's binary models (.mod): points of objects, in pixels.

IMOD's x and y count from the corner of the first pixel and its z from the centre of
the first slice: voxel p is at p + (0.5, 0.5, 0).

Source: IMOD, binary model file format,
https://bio3d.colorado.edu/imod/doc/binspec.html; libimod/imodel.c,
`imodTransFromRefImage`, for models that were drawn on a flipped volume.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import written_whole
from picker.formats.picks.records import Coordinates, Drawn, coordinates_from_xyz
from picker.formats.picks.rows import each_class
from picker.formats.picks.units import PIXEL_SIZES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

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
SHIFT_XYZ = (0.5, 0.5, 0.0)
EXTENT_XYZ = (10.0, 10.0, 1.0)
"""What point2model adds to the largest coordinates where no image tells the size."""
UNKNOWN = 1e-6
"""Sizes no further from 1 Å are those of a volume without one."""
SCATTERED = 1 << 9
HAS_ORIGIN = 1 << 14  # of the model: the old translation is the image's origin
FLIPPED = 1 << 16  # of the model: y and z are swapped, as in 3dmod -Y
MODEL_FLAGS = (1 << 12) | (1 << 13) | (1 << 15)  # what IMOD itself sets in new models
NANOMETRE = -9
NAME_BYTES = 64
REGIONS = "region-to-label"
"""Object that says where to look, in a model to fix; its points are no picks."""


def read_model(path: Path) -> Coordinates:
    """Return the points of all objects, in voxels from the centre of voxel 0.

    Voxels are those of the volume that the model was drawn on; `drawn` says which. An
    object's name is its points' class; nothing where it has none. Meshes and everything
    else that a model can hold are passed over; `REGIONS` too, with a warning, for a
    pick is easily set into the wrong object.

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
    parts: list[NDArray[np.float64]] = []
    particle: list[str] = []
    contour: list[int] = []
    num_regions, num_contours = 0, 0
    minx: bytes = b""
    name, flags = "", 0
    for chunk, place in _chunks(path, data):
        match chunk:
            case b"OBJT":
                raw, _, _, flags = OBJECT.unpack_from(data, place)[:4]
                name = raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
            case b"CONT":
                points = _points(data, place)
                if name == REGIONS:
                    num_regions += len(points)
                elif len(points):
                    parts.append(points)
                    particle += [name] * len(points)
                    is_sure = bool(flags & SCATTERED) or len(points) == 1
                    contour += [-1 if is_sure else num_contours] * len(points)
                    num_contours += 1
            case b"MINX":
                minx = data[place : place + MINX.size]
            case _:
                pass
    header = MODEL.unpack_from(data, len(MAGIC))
    xyz = np.concatenate([np.empty((0, 3)), *parts])
    size_xyz = header[1:4]
    if _is_extent(size_xyz, xyz, EXTENT_XYZ, 0.5):
        size_xyz = (0, 0, 0)
    is_extent = _is_extent(size_xyz, xyz, 1.0, 0.0)
    if header[5] & FLIPPED:
        # IMOD's own programs swap y and z alike before they do anything else.
        xyz = xyz[:, [0, 2, 1]]
        size_xyz = (size_xyz[0], size_xyz[2], size_xyz[1])
    xyz -= SHIFT_XYZ
    if not np.isfinite(xyz).all():
        row = int(np.flatnonzero(~np.isfinite(xyz).all(axis=1))[0])
        raise ValueError(
            f"{path}: point {row + 1} is not finite; expected numbers, fix it"
        )
    warning = (
        f"{path}: {num_regions} points of its object {REGIONS} are not taken as picks;"
        " if you set some there, move them into their particle's"
    )
    x, y, z = size_xyz
    return coordinates_from_xyz(
        "IMOD model",
        "voxels",
        xyz,
        particle=particle if any(particle) else None,
        drawn=Drawn(
            shape_zyx=(z, y, x) if min(size_xyz) > 0 else None,
            pixel_size=_pixel_size(header[21], header[22], minx),
            contour=np.array(contour, np.int64),
            is_part=bool(header[5] & HAS_ORIGIN) and _is_part(minx),
            is_extent=is_extent,
        ),
        warnings=(warning,) if num_regions else (),
    )


def _points(data: bytes, place: int) -> NDArray[np.float64]:
    """Return a contour's `(n, 3)` points x, y, z."""
    num = CONTOUR.unpack_from(data, place)[0]
    points = np.frombuffer(data, ">f4", 3 * num, place + CONTOUR.size)
    # A signaling NaN would warn here; the caller refuses any.
    with np.errstate(invalid="ignore"):
        wide: NDArray[np.float64] = points.reshape(-1, 3).astype(np.float64)
    return wide


def _is_extent(
    size_xyz: tuple[int, ...],
    xyz: NDArray[np.float64],
    more: Sequence[float] | float,
    rounding: float,
) -> bool:
    """Return whether a model's size is its points', as without an image to go by.

    Source: IMOD, imodutil/point2model.c, adds `EXTENT_XYZ` and rounds; cylindra,
    cylindra/ext/imod/_mod.py, adds 1 and cuts off.
    """
    if not len(xyz) or not np.isfinite(xyz).all():
        return False
    return bool((np.floor(xyz.max(axis=0) + more + rounding) == size_xyz).all())


def _pixel_size(size: float, units: int, minx: bytes) -> float | None:
    """Return the size [Å] of what points are counted in; None if it is not known.

    IMOD's unit is a power of ten of the metre; 0 is pixels. What 3dmod keeps of the
    volume itself comes first: its header's pixel size, 1 where there is none.
    """
    own = MINX.unpack(minx)[9:12] if len(minx) == MINX.size else (1.0,)
    if len(set(own)) > 1 or own[0] == 1:
        own = (size * 10.0 ** (units + 10),) if -12 <= units < 0 else ()
    return next(
        (
            s
            for s in own
            if PIXEL_SIZES[0] <= s <= PIXEL_SIZES[1] and abs(s - 1) > UNKNOWN
        ),
        None,
    )


def _is_part(minx: bytes) -> bool:
    """Return whether the volume was loaded in part: its corner is not the image's.

    Source: IMOD, ASCII model file format, `refoldtrans` and `refcurtrans`.
    """
    if len(minx) != MINX.size:
        return False
    image, size, corner = np.reshape(MINX.unpack(minx), (6, 3))[[1, 3, 4]]
    with np.errstate(invalid="ignore"):
        return bool((np.abs(image - corner) > np.abs(size) / 2).any())


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield name and place of each part's content, all of which is there."""
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
                _check_room(path, data, place, CONTOUR.size, chunk)
                size = CONTOUR.unpack_from(data, place)[0] * POINT_BYTES
                _check_room(path, data, place + CONTOUR.size, size, chunk)
                size += CONTOUR.size
            case b"MESH":
                _check_room(path, data, place, MESH.size, chunk)
                vertices, indices = MESH.unpack_from(data, place)[:2]
                inside = place + MESH.size
                for part in (vertices * POINT_BYTES, indices * INDEX_BYTES):
                    _check_room(path, data, inside, part, chunk)
                    inside += part
                size = inside - place
            case _:
                _check_room(path, data, place, LENGTH.size, chunk)
                size = LENGTH.unpack_from(data, place)[0]
                place += LENGTH.size
        _check_room(path, data, place, size, chunk)
        yield chunk, place
        place += size


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
    _check_names([particle.own_name for particle in particles])
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
        one.own_name.encode()[:127],
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
        particle.own_name.encode(),
        b"",
        int(has_points),
        SCATTERED,
        *(0, 1),
        *color,
        max(1, round(particle.radius / voxel_size)),
        *(1, 3, 1, 1, 0, 0, 0, 0),
        *(0, 0),
    )
