"""OME-Zarr 0.4 and 0.5 (Zarr v2 and v3), lazily."""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
from typing import TYPE_CHECKING, Any

import zarr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

ANGSTROM = {
    "angstrom": 1.0,
    "nanometer": 10.0,
    "micrometer": 1e4,
    "picometer": 1e-2,
}
CHUNK = 64
"""Edge of a chunk [voxels]: a patch touches few, and little is read in vain."""


def is_zarr(path: Path) -> bool:
    """Return whether a path is a folder with Zarr metadata."""
    names = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
    return path.is_dir() and any((path / name).is_file() for name in names)


def open_volume(
    path: Path, voxel_size: float | None = None
) -> tuple[zarr.Array[Any], float, list[str]]:
    """Return the finest volume `(z, y, x)` of a store, its voxel size [Å], warnings.

    The scale in the metadata counts, not a folder's name. A plain Zarr array is read
    if `voxel_size` is given.

    Raises
    ------
    ValueError
        If metadata, axes, units, voxel size or chunks are missing or wrong.
    """
    if not is_zarr(path):
        raise ValueError(f"{path} is no Zarr folder; mend the path")
    try:
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            array, scale = node, None
        else:
            name, scale = _finest(path, dict(node.attrs))
            array = node[name]
    except (KeyError, json.JSONDecodeError, TypeError, FileNotFoundError) as error:
        raise ValueError(
            f"{path} has damaged Zarr metadata ({error}); write it again"
        ) from error
    if not isinstance(array, zarr.Array) or array.ndim != 3:
        raise ValueError(
            f"{path} holds an array of {getattr(array, 'ndim', 0)} axes; expected a"
            " volume with the axes z, y, x"
        )
    if scale is None and voxel_size is None:
        raise ValueError(
            f"{path} does not say its voxel size; set voxel_size in the table, or"
            " tomograms.voxel_size"
        )
    return array, voxel_size or _isotropic(path, scale or []), []


def _finest(path: Path, attributes: dict[str, Any]) -> tuple[str, list[float] | None]:
    """Return the first dataset's name and its scale [Å] along z, y, x."""
    multiscales = attributes.get("ome", attributes).get("multiscales")
    if not multiscales:
        raise ValueError(
            f"{path} has no multiscales metadata; expected OME-Zarr 0.4 or 0.5."
            " Name the array itself, with voxel_size"
        )
    axes = multiscales[0].get("axes", [])
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in axes]
    if names != ["z", "y", "x"]:
        raise ValueError(f"{path} has the axes {names}; expected z, y, x. Transpose it")
    dataset = multiscales[0]["datasets"][0]
    scale = [1.0, 1.0, 1.0]
    found = False
    for part in (dataset, multiscales[0]):
        for transformation in part.get("coordinateTransformations", []):
            if transformation["type"] == "scale":
                found = True
                steps = transformation["scale"]
                scale = [a * b for a, b in zip(scale, steps, strict=True)]
    if not found:
        return dataset["path"], None
    units = [axis.get("unit") for axis in axes if isinstance(axis, dict)]
    unknown = [unit for unit in units if unit not in ANGSTROM]
    if unknown:
        raise ValueError(
            f"{path} gives its scale in {unknown[0]!r}; expected one of"
            f" {', '.join(ANGSTROM)}. Set voxel_size in the table"
        )
    return dataset["path"], [
        value * ANGSTROM[str(unit)] for value, unit in zip(scale, units, strict=True)
    ]


def _isotropic(path: Path, scale: list[float]) -> float:
    """Return the one voxel size of three [Å]."""
    if not all(math.isfinite(v) and v > 0 for v in scale) or max(scale) > min(scale) * (
        1 + 1e-3
    ):
        raise ValueError(
            f"voxel size of {path} is {scale} Å (z, y, x); expected the same, above 0,"
            " on all axes. Set voxel_size in the table"
        )
    return scale[2]


def check_chunks(path: Path, array: zarr.Array[Any]) -> None:
    """Refuse a store with missing or cut chunks, before anything decodes them.

    A missing chunk would read as zeros, a cut Blosc chunk can crash the process.

    Raises
    ------
    ValueError
        Naming the first bad chunk's file, or how many are missing.
    """
    if getattr(array, "shards", None) is not None:
        return
    expected = math.prod(
        -(-size // chunk) for size, chunk in zip(array.shape, array.chunks, strict=True)
    )
    folder = path / array.path if array.path else path
    compressors = getattr(array, "compressors", ())
    blosc = any("blosc" in type(c).__name__.lower() for c in compressors)
    stored = 0
    for file in _chunk_files(folder):
        stored += 1
        size = file.stat().st_size
        if blosc:
            with file.open("rb") as opened:
                header = opened.read(16)
            promised = struct.unpack("<I", header[12:])[0] if len(header) == 16 else -1
            if promised != size:
                raise ValueError(
                    f"chunk {file} is truncated: it promises {promised} bytes and has"
                    f" {size}. Copy {path} again"
                )
    if stored < expected:
        raise ValueError(
            f"{path} misses {expected - stored} of {expected} chunks, which would read"
            " as zeros. Copy it again"
        )


def _chunk_files(folder: Path) -> Iterator[Path]:
    """Return the files below an array's folder that are no metadata."""
    for file in folder.rglob("*"):
        if (
            file.is_file()
            and not file.name.startswith(".z")
            and (file.name != "zarr.json")
        ):
            yield file


def read_attributes(path: Path) -> dict[str, Any]:
    """Return what `write_volume` noted beside a volume.

    Raises
    ------
    ValueError
        If the folder is missing or was not written by this program.
    """
    file = path / "zarr.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text())["attributes"]["picker"]
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no volume of this program: {error}") from error
    return found


def write_volume(
    path: Path, volume: NDArray[np.floating], voxel_size: float, notes: dict[str, Any]
) -> None:
    """Write a `(z, y, x)` volume as OME-Zarr 0.5; there whole or not at all.

    Parameters
    ----------
    path
        Folder; replaced if it exists.
    volume
        Any floating type; stored as it is, uncompressed, for fast patches.
    voxel_size
        [Å], written as scale.
    notes
        Plain values kept under the attribute `picker`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    group = zarr.open_group(str(temporary), mode="w", zarr_format=3)
    chunks = tuple(min(CHUNK, size) for size in volume.shape)
    array = group.create_array(
        "0",
        shape=volume.shape,
        chunks=chunks,
        dtype=volume.dtype,
        compressors=None,
        dimension_names=("z", "y", "x"),
        config={"write_empty_chunks": True},
    )
    array[:] = volume
    axes = [{"name": n, "type": "space", "unit": "angstrom"} for n in "zyx"]
    scale = {"type": "scale", "scale": [voxel_size] * 3}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"name": path.stem, "axes": axes, "datasets": [dataset]}],
    }
    group.attrs["picker"] = notes
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.rename(old)
    temporary.rename(path)
    shutil.rmtree(old, ignore_errors=True)
