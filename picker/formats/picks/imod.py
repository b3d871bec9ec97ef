"""IMOD's models (.mod): points of objects, in pixels.

IMOD's x and y count from the corner of the first pixel and its z from the centre of
the first slice: voxel p is at p + (0.5, 0.5, 0).

Source: IMOD, libimod/imodel.c, `imodTransFromRefImage`, for models that were drawn on
a flipped volume; `imod_layout` for the bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import written_whole
from picker.formats.picks.imod_layout import (
    CONTOUR,
    FLIPPED,
    HAS_ORIGIN,
    MAGIC,
    MINX,
    MODEL,
    MODEL_FLAGS,
    NAME_BYTES,
    NANOMETRE,
    OBJECT,
    SCATTERED,
    chunks_of_model,
)
from picker.formats.picks.records import Coordinates, Drawing, coordinates_from_xyz
from picker.formats.picks.units import PIXEL_SIZES
from picker.formats.picks.writing import each_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

SHIFT_XYZ = (0.5, 0.5, 0.0)
EXTENT_XYZ = (10.0, 10.0, 1.0)
"""What point2model adds to the largest coordinates where no image tells the size."""
UNKNOWN = 1e-6
"""Sizes no further from 1 Å are those of a volume without one."""
REGIONS = "region-to-label"
"""Object that says where to look, in a model to fix; its points are no picks."""


def read_model(path: Path) -> Coordinates:
    """Return the points of all objects, in voxels from the centre of voxel 0.

    Voxels are those of the volume that the model was drawn on; `drawing` says which.
    An object's name is its points' class, which is empty where it has none. Meshes and
    everything else that a model can hold are skipped; the points of `REGIONS` too, with
    a warning, because a pick is easily set into the wrong object.

    Raises
    ------
    ValueError
        If it is no IMOD model or truncated, a count in it is negative or larger than
        the file, or a point is not finite.
    """
    data = path.read_bytes()
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + MODEL.size:
        raise ValueError(
            f"{path} is no whole IMOD model: it has {len(data)} bytes and begins with"
            f" {data[:8]!r}; expected {MAGIC.decode()} and a header; copy it again"
        )
    chunks = list(chunks_of_model(path, data))
    parts: list[NDArray[np.float64]] = []
    particle: list[str] = []
    contour: list[int] = []
    num_regions = 0
    for name, flags, points in _contours(data, chunks):
        if name == REGIONS:
            num_regions += len(points)
            continue
        is_sure = bool(flags & SCATTERED) or len(points) == 1
        particle += [name] * len(points)
        contour += [-1 if is_sure else len(parts)] * len(points)
        parts.append(points)
    starts = [place for chunk, place in chunks if chunk == b"MINX"]
    transform = data[starts[-1] : starts[-1] + MINX.size] if starts else b""
    header = MODEL.unpack_from(data, len(MAGIC))
    xyz = np.concatenate([np.empty((0, 3)), *parts])
    size_xyz = header[1:4]
    if _is_extent(size_xyz, xyz, EXTENT_XYZ, 0.5):
        size_xyz = (0, 0, 0)
    is_extent = _is_extent(size_xyz, xyz, 1.0, 0.0)
    if header[5] & FLIPPED:
        # IMOD's own programs also swap y and z before they do anything else.
        xyz = xyz[:, [0, 2, 1]]
        size_xyz = (size_xyz[0], size_xyz[2], size_xyz[1])
    xyz -= SHIFT_XYZ
    if not np.isfinite(xyz).all():
        row = int(np.flatnonzero(~np.isfinite(xyz).all(axis=1))[0])
        raise ValueError(
            f"{path}: point {row + 1} is not finite; expected numbers; fix it"
        )
    warning = (
        f"{path}: {num_regions} points of its object {REGIONS} are not taken as picks;"
        " if you set picks there, move them into their particle's object"
    )
    x, y, z = size_xyz
    return coordinates_from_xyz(
        "IMOD model",
        "voxels",
        xyz,
        particle=particle if any(particle) else None,
        drawing=Drawing(
            shape_zyx=(z, y, x) if min(size_xyz) > 0 else None,
            pixel_size=_pixel_size(header[21], header[22], transform),
            contour=np.array(contour, np.int64),
            is_part=bool(header[5] & HAS_ORIGIN) and _is_part(transform),
            is_extent=is_extent,
        ),
        warnings=(warning,) if num_regions else (),
    )


def _contours(
    data: bytes, chunks: Sequence[tuple[bytes, int]]
) -> Iterator[tuple[str, int, NDArray[np.float64]]]:
    """Yield name and flags of its object and `(n, 3)` points x, y, z of each contour.

    Contours without points are left out.
    """
    name, flags = "", 0
    for chunk, place in chunks:
        if chunk == b"OBJT":
            raw, _, _, flags = OBJECT.unpack_from(data, place)[:4]
            name = raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
        elif chunk == b"CONT" and (num := CONTOUR.unpack_from(data, place)[0]):
            points = np.frombuffer(data, ">f4", 3 * num, place + CONTOUR.size)
            # A signaling NaN would warn here; `read_model` refuses any.
            with np.errstate(invalid="ignore"):
                wide = points.reshape(-1, 3).astype(np.float64)
            yield name, flags, wide


def _is_extent(
    size_xyz: tuple[int, ...],
    xyz: NDArray[np.float64],
    added: Sequence[float] | float,
    rounding: float,
) -> bool:
    """Return whether a model's size is how far its points reach, not a volume's.

    Programs write that where they have no image. They add something to the largest
    coordinates and round, up from .5 or down: `rounding` is 0.5 or 0.

    Source: IMOD, imodutil/point2model.c, adds `EXTENT_XYZ` and rounds; cylindra,
    cylindra/ext/imod/_mod.py, adds 1 and cuts off.
    """
    if not len(xyz) or not np.isfinite(xyz).all():
        return False
    return bool((np.floor(xyz.max(axis=0) + added + rounding) == size_xyz).all())


def _pixel_size(size: float, units: int, transform: bytes) -> float | None:
    """Return the size [Å] of what points are counted in; None if it is not known.

    IMOD's unit is a power of ten of the metre; 0 is pixels. The pixel size in the
    volume's own header, which 3dmod keeps in MINX, comes first; it is 1 where the
    volume has none.
    """
    own = MINX.unpack(transform)[9:12] if len(transform) == MINX.size else (1.0,)
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


def _is_part(transform: bytes) -> bool:
    """Return whether the volume was loaded in part: its corner is not the image's.

    Source: IMOD, ASCII model file format, `refoldtrans` and `refcurtrans`.
    """
    if len(transform) != MINX.size:
        return False
    image, size, corner = np.reshape(MINX.unpack(transform), (6, 3))[[1, 3, 4]]
    with np.errstate(invalid="ignore"):
        return bool((np.abs(image - corner) > np.abs(size) / 2).any())


def write_models(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[Particle]
) -> None:
    """Write `<tomogram>.mod`: an object of scattered points for each class.

    Points are float32 pixels; spheres have the particle's radius. IMOD keeps no scores.

    Raises
    ------
    ValueError
        If a particle's name is longer than IMOD keeps.
    """
    names = [particle.name for particle in particles]
    check_names([particle.own_name for particle in particles])
    for _ in each_class(names, tomograms):
        pass  # one model holds all classes; the loop warns of those without picks
    for one in tomograms:
        write_model(folder / f"{one.tomogram}.mod", one, particles)


def write_model(path: Path, one: TomogramPicks, particles: Sequence[Particle]) -> None:
    """Write a tomogram's picks of some classes as a model with an object of each."""
    parts = [_header(one, len(particles))]
    for particle in particles:
        position = one.picks.of(particle.name).position_zyx
        xyz = position[:, ::-1] / one.voxel_size + SHIFT_XYZ
        parts.append(_object(particle, one.voxel_size, has_points=len(xyz) > 0))
        if len(xyz):
            parts.append(b"CONT" + CONTOUR.pack(len(xyz), 0, 0, 0))
            parts.append(xyz.astype(">f4").tobytes())
    parts.append(b"IEOF")
    with written_whole(path) as temporary:
        temporary.write_bytes(b"".join(parts))


def check_names(names: Sequence[str]) -> None:
    """Refuse names that IMOD would cut to 63 bytes: two could become the same."""
    for name in names:
        if len(name.encode()) >= NAME_BYTES:
            raise ValueError(
                f"particle {name} has a longer name than IMOD keeps; expected at most"
                f" {NAME_BYTES - 1} bytes; rename it"
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
