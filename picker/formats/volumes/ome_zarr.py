"""OME-Zarr folders: 0.4, 0.5 and plain Zarr arrays are read, 0.5 is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import zarr
from numcodecs import Zstd
from zarr.codecs import ZstdCodec

from picker.core.files import written_whole
from picker.core.stamps import ZARR_METADATA, is_zarr
from picker.formats.text import listed
from picker.formats.volumes.files import (
    check_memory,
    check_shape,
    checked_voxel_size,
    too_large,
)
from picker.formats.volumes.ome_metadata import (
    check_axes,
    has_ome,
    is_collection,
    multiscale_of,
    voxel_sizes,
)
from picker.formats.volumes.zarr_chunks import check_chunks, read_chunks, write_chunks
from picker.formats.volumes.zarr_store import (
    WholeStore,
    array_folder,
    check_metadata_files,
    read_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.volumes.zarr_chunks import Sliceable
    from picker.formats.volumes.zarr_codecs.metadata import Codecs

CHUNK = 64
"""Edge of a chunk [voxels]: a patch touches few chunks, and reads little beside it."""
ZSTD_LEVEL = 1
"""How hard Zstandard tries: 1 is fastest, and nearly as small as more."""


def open_volume(
    path: Path, voxel_size: float | None = None
) -> tuple[zarr.Array[Any], float, list[str]]:
    """Return the lazy volume, its voxel size [Å] and warnings.

    Parameters
    ----------
    path
        OME-Zarr folder; or, if `voxel_size` is given, a Zarr array without OME's
        metadata (its axes are then z, y, x), alone or in a group.
    voxel_size
        Edge of a voxel [Å]; overrides the file's.

    Returns
    -------
    `(z, y, x)` array of the highest resolution, voxel size [Å], warnings.

    Raises
    ------
    ValueError
        If metadata are missing or not understood, axes are not z, y, x, chunks are
        missing or truncated, or the voxel size cannot be believed.
    """
    array, _, size, warnings = _open(path, voxel_size)
    if array.ndim != 3:
        raise ValueError(
            f"{path} has shape {array.shape}; expected z, y, x, rewrite it without"
            " the axes before them"
        )
    return array, size, warnings


def read_geometry(
    path: Path, voxel_size: float | None = None, *, may_be_sparse: bool = False
) -> tuple[tuple[int, int, int], float, list[str]]:
    """Return the volume's shape (z, y, x), voxel size [Å] and warnings.

    Arguments and errors as for `read_volume`; chunks are not decoded.
    """
    array, _, size, warnings = _open(path, voxel_size, may_be_sparse=may_be_sparse)
    z, y, x = array.shape[-3:]
    return (z, y, x), size, warnings


def read_volume(
    path: Path,
    voxel_size: float | None = None,
    *,
    may_be_sparse: bool = False,
    shape_zyx: tuple[int, int, int] | None = None,
) -> tuple[NDArray[Any], float, list[str]]:
    """Return the volume in memory in its own type, its voxel size [Å] and warnings.

    Axes c and t of length 1 before z, y, x are dropped. Arguments and errors as for
    `open_volume`; a chunk that cannot be decoded is a ValueError too. Missing chunks
    are the fill value if the volume `may_be_sparse`, unless `write_volume` wrote it. A
    mask of another shape than its tomogram's `shape_zyx` is not decoded.
    """
    array, codecs, size, warnings = _open(path, voxel_size, may_be_sparse=may_be_sparse)
    if shape_zyx:
        check_shape(path, array.shape[-3:], shape_zyx)
    check_memory(path, array.shape, array.dtype.itemsize)
    try:
        volume = read_chunks(array, array_folder(array), codecs)
    except MemoryError as error:
        raise ValueError(too_large(path, array.shape, array.dtype.itemsize)) from error
    return volume.reshape(volume.shape[-3:]), size, warnings


def write_volume(
    path: Path,
    volume: Sliceable,
    voxel_size: float,
    attributes: Mapping[str, Any],
    compressor: Literal["none", "zstd"] = "none",
) -> None:
    """Write a volume as OME-Zarr 0.5, whole or not at all.

    Parameters
    ----------
    path
        Folder to write or replace.
    volume
        `(z, y, x)` of the type to store; taken 64 slices at a time.
    voxel_size
        Edge of a voxel [Å].
    attributes
        Notes that JSON can hold, stored as the attribute "picker".
    compressor
        none reads twice as fast; zstd saves a third of the space of float16 noise.
    """
    scale = {"type": "scale", "scale": [float(voxel_size)] * 3}
    axes = [{"name": a, "type": "space", "unit": "angstrom"} for a in "zyx"]
    multiscale = {
        "name": path.stem,
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    with written_whole(path) as temporary:
        group = zarr.create_group(
            temporary,
            zarr_format=3,
            attributes={
                "ome": {"version": "0.5", "multiscales": [multiscale]},
                "picker": dict(attributes),
            },
        )
        array = group.create_array(
            "0",
            shape=volume.shape,
            dtype=volume.dtype.newbyteorder("<"),
            chunks=tuple(min(CHUNK, length) for length in volume.shape),
            compressors=ZstdCodec(level=ZSTD_LEVEL) if compressor == "zstd" else None,
            dimension_names=("z", "y", "x"),
        )
        compress = Zstd(level=ZSTD_LEVEL).encode if compressor == "zstd" else None
        write_chunks(array, temporary / "0", volume, compress)


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the attribute "picker" that `write_volume` stored; empty if none.

    Raises
    ------
    FileNotFoundError
        If there is no such volume.
    ValueError
        If its metadata are not a file, or not JSON.
    """
    check_metadata_files(path)
    metadata = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    return dict(metadata.get("attributes", {}).get("picker", {}))


def _open(
    path: Path, voxel_size: float | None, *, may_be_sparse: bool = False
) -> tuple[zarr.Array[Any], Codecs, float, list[str]]:
    """Return the checked array, how its chunks are stored, voxel size [Å], warnings."""
    if not is_zarr(path):
        raise ValueError(
            f"{path} is not a Zarr folder: expected {', '.join(ZARR_METADATA[:3])} in"
            " it; give the folder that has them, or copy it again"
        )
    sizes: list[float] = []
    warnings: list[str] = []
    check_metadata_files(path)
    node = read_metadata(path, lambda: zarr.open(WholeStore(path), mode="r"))
    attributes: dict[str, Any] = read_metadata(path, node.attrs.asdict)
    if isinstance(node, zarr.Array):
        array = node
        if array.ndim != 3:
            raise ValueError(
                f"{path} is a Zarr array of shape {array.shape}; expected z, y, x"
            )
    elif is_collection(attributes):
        return _open(_only_image(path), voxel_size, may_be_sparse=may_be_sparse)
    elif voxel_size is not None and (only := _only_array(path, node)) is not None:
        array = only
    else:
        array, sizes, warnings = _highest_resolution(path, node, voxel_size)
    # Our own volumes are written with all their chunks.
    is_sparse = may_be_sparse and "picker" not in attributes
    codecs, of_chunks = check_chunks(
        array, array_folder(array), may_be_sparse=is_sparse
    )
    size, of_size = checked_voxel_size(path, sizes, voxel_size)
    return array, codecs, size, warnings + of_chunks + of_size


def _only_image(path: Path) -> Path:
    """Return the folder of a collection's only image."""
    images = sorted(
        (one for one in path.iterdir() if one.name.isdecimal() and is_zarr(one)),
        key=lambda one: int(one.name),
    )
    if len(images) != 1:
        raise ValueError(
            f"{path} is a collection of {len(images)} images, as bioformats2raw writes"
            f" it ({listed([image.name for image in images])}); expected one volume,"
            f" give the folder of the one that is meant, such as {path / '0'}"
        )
    return images[0]


def _only_array(path: Path, group: zarr.Group) -> zarr.Array[Any] | None:
    """Return the array of a group that has one and no OME metadata."""
    if has_ome(group.attrs.asdict()):
        return None
    for folder in path.iterdir():
        check_metadata_files(folder)
    arrays = read_metadata(path, lambda: [array for _, array in group.arrays()])
    return arrays[0] if len(arrays) == 1 and arrays[0].ndim == 3 else None


def _highest_resolution(
    path: Path, group: zarr.Group, voxel_size: float | None
) -> tuple[zarr.Array[Any], list[float], list[str]]:
    """Return the first dataset, its voxel size along z, y, x [Å], and warnings."""
    image = multiscale_of(path, group.attrs.asdict())
    name = image.datasets[0].path
    check_metadata_files(path / name)
    array = read_metadata(path, lambda: group.get(name))
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{path} names dataset {name}, which is missing; copy it")
    check_axes(path, image.full_axes, array.shape)
    sizes, warnings = voxel_sizes(path, image, needs_unit=voxel_size is None)
    return array, sizes, warnings
