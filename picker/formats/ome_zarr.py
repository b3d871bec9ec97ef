"""OME-Zarr folders: version 0.4 and 0.5 are read, 0.5 is written."""

from __future__ import annotations

import itertools
import json
import math
import zlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import zarr
from zarr.codecs import BloscCodec, ZstdCodec

from picker.formats.files import SET_VOXEL_SIZE, checked_voxel_size, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
ANGSTROM = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4, "picometer": 1e-2}
CHUNK = 64
"""Edge of a chunk [voxels]: a patch touches few of them and reads little in vain."""


def is_zarr(path: Path) -> bool:
    """Return whether a folder has Zarr metadata."""
    return any((path / name).is_file() for name in METADATA)


def open_volume(
    path: Path, voxel_size: float | None = None
) -> tuple[zarr.Array[Any], float, list[str]]:
    """Return the lazy volume, its voxel size [Å] and warnings.

    Parameters
    ----------
    path
        OME-Zarr folder, or a plain Zarr array if `voxel_size` is given.
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
    array, size, warnings = _open(path, voxel_size)
    if array.ndim != 3:
        raise ValueError(
            f"{path} has shape {array.shape}; expected z, y, x, rewrite it without"
            " the axes before them"
        )
    return array, size, warnings


def read_volume(
    path: Path, voxel_size: float | None = None
) -> tuple[NDArray[Any], float, list[str]]:
    """Return the volume in memory in its own type, its voxel size [Å] and warnings.

    Axes c and t of length 1 before z, y, x are dropped. Arguments and errors as for
    `open_volume`; besides, a chunk that cannot be decoded is a ValueError.
    """
    array, size, warnings = _open(path, voxel_size)
    try:
        volume = np.asarray(array[...])
    except (ValueError, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be decoded ({error}); copy it again"
        ) from error
    return volume.reshape(volume.shape[-3:]), size, warnings


def write_volume(
    path: Path,
    volume: NDArray[Any],
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
        `(z, y, x)` of the type that is to be stored.
    voxel_size
        Edge of a voxel [Å].
    attributes
        JSON-able notes, stored as the attribute "picker".
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
            dtype=volume.dtype,
            chunks=tuple(min(CHUNK, length) for length in volume.shape),
            compressors=ZstdCodec(level=1) if compressor == "zstd" else None,
            dimension_names=("z", "y", "x"),
            # Without it a chunk of zeros would look like a missing one.
            config={"write_empty_chunks": True},
        )
        array[...] = volume


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the attribute "picker" that `write_volume` stored; empty if none.

    Raises
    ------
    FileNotFoundError
        If there is no such volume.
    ValueError
        If its metadata are not JSON.
    """
    metadata = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    return dict(metadata.get("attributes", {}).get("picker", {}))


def _open(
    path: Path, voxel_size: float | None
) -> tuple[zarr.Array[Any], float, list[str]]:
    if not is_zarr(path):
        raise ValueError(
            f"{path} is not a Zarr folder: expected {', '.join(METADATA[:3])} in it;"
            " give the folder that has them, or copy it again"
        )
    try:
        node = zarr.open(path, mode="r")
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"Zarr metadata of {path} cannot be read ({error}); copy it again"
        ) from error
    if isinstance(node, zarr.Array):
        sizes: list[float] = []
        warnings: list[str] = []
        array, folder = node, path
        if array.ndim != 3:
            raise ValueError(
                f"{path} is a Zarr array of shape {array.shape}; expected z, y, x"
            )
    else:
        array, folder, sizes, warnings = _highest_resolution(path, node, voxel_size)
    _check_chunks(array, folder)
    size, said = checked_voxel_size(path, sizes, voxel_size)
    return array, size, warnings + said


def _highest_resolution(
    path: Path, group: zarr.Group, voxel_size: float | None
) -> tuple[zarr.Array[Any], Path, list[float], list[str]]:
    """Return the first dataset, its folder, its voxel size along z, y, x, warnings."""
    attributes: dict[str, Any] = group.attrs.asdict()
    ome = attributes.get("ome", attributes)
    try:
        multiscale = ome["multiscales"][0]
        axes = [a if isinstance(a, dict) else {"name": a} for a in multiscale["axes"]]
        names = [axis["name"] for axis in axes]
        dataset = multiscale["datasets"][0]
        name = dataset["path"]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"{path} has no OME-Zarr metadata (multiscales with axes and datasets in"
            f" .zattrs or zarr.json); copy it again, or give its array and"
            f" {SET_VOXEL_SIZE}"
        ) from error
    array = group.get(name)
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{path} names dataset {name}, which is missing; copy it")
    extra = len(names) - 3
    if (
        names[extra:] != ["z", "y", "x"]
        or len(names) != array.ndim
        or not set(names[:extra]) <= {"c", "t"}
        or any(length != 1 for length in array.shape[:extra])
    ):
        raise ValueError(
            f"{path} has axes {', '.join(map(str, names))} of lengths {array.shape};"
            " expected z, y, x, at most with c and t of length 1 before them"
        )
    scale, warnings = _scale(path, [multiscale, dataset], len(names))
    units = [str(axis.get("unit", "missing")) for axis in axes[extra:]]
    if not scale or (voxel_size is not None and not set(units) <= set(ANGSTROM)):
        return array, path / name, [], warnings
    for unit in units:
        if unit not in ANGSTROM:
            raise ValueError(
                f"{path} has an axis whose unit is {unit}; expected"
                f" {', '.join(ANGSTROM)}; {SET_VOXEL_SIZE}"
            )
    sizes = [s * ANGSTROM[u] for s, u in zip(scale[extra:], units, strict=True)]
    return array, path / name, sizes, warnings


def _scale(
    path: Path, levels: list[dict[str, Any]], num_axes: int
) -> tuple[list[float], list[str]]:
    """Return the product of all scales, empty if there is none, and warnings."""
    scale: list[float] = []
    warnings = []
    for level in levels:
        for step in level.get("coordinateTransformations") or []:
            values = step.get(step.get("type"), [])
            if step.get("type") == "scale" and len(values) == num_axes:
                before = scale or [1.0] * num_axes
                scale = [a * float(b) for a, b in zip(before, values, strict=True)]
            elif step.get("type") == "translation" and any(values):
                warnings.append(
                    f"{path}: its translation {values} is ignored; positions count"
                    " from the centre of its first voxel"
                )
    return scale, warnings


def _check_chunks(array: zarr.Array[Any], folder: Path) -> None:
    """Refuse missing chunks, which read as zeros, and truncated blosc chunks.

    The decoder of blosc trusts the size that a chunk's header announces; in a shorter
    file it reads beyond the end and takes the process down.

    Raises
    ------
    ValueError
        If a chunk is missing or truncated.
    """
    codec = array.compressors[-1] if array.compressors else None
    is_blosc = array.shards is None and (
        isinstance(codec, BloscCodec) or getattr(codec, "codec_id", "") == "blosc"
    )
    total = missing = 0
    for file in _chunk_files(array, folder):
        total += 1
        if not file.is_file():
            missing += 1
        elif is_blosc:
            with file.open("rb") as chunk:
                announced = int.from_bytes(chunk.read(16)[12:16], "little")
            size = file.stat().st_size
            if size < 16 or announced != size:
                raise ValueError(
                    f"chunk {file} is damaged: it announces {announced} bytes, the file"
                    f" has {size}; copy it again"
                )
    if missing:
        raise ValueError(
            f"{folder}: {missing} of {total} chunks are missing and would read as"
            f" {array.fill_value}; copy it again (if they are meant to be empty,"
            " rewrite it with empty chunks)"
        )


def _chunk_files(array: zarr.Array[Any], folder: Path) -> Iterator[Path]:
    """Yield the file of each chunk, or of each shard where chunks are packed."""
    lengths = array.shards or array.chunks
    counts = [math.ceil(n / m) for n, m in zip(array.shape, lengths, strict=True)]
    for index in itertools.product(*map(range, counts)):
        yield folder / array.metadata.encode_chunk_key(index)
