"""OME-Zarr folders: 0.4, 0.5 and plain Zarr arrays are read, 0.5 is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import zarr
from pydantic import BaseModel, Field, ValidationError
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from picker.config import explained
from picker.core.files import written_whole
from picker.formats.text import listed
from picker.formats.volumes.files import (
    SET_VOXEL_SIZE,
    check_memory,
    check_shape,
    checked_voxel_size,
    too_large,
)
from picker.formats.volumes.zarr_chunks import check_chunks, read_chunks
from picker.formats.volumes.zarr_codecs import DAMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.volumes.zarr_codecs import Pipeline

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
ALL_METADATA = (*METADATA, ".zmetadata")
ANGSTROM = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4, "picometer": 1e-2}
MOST_METADATA = 10_000_000
"""Bytes of a file of metadata; parsed, they take thirty times as many."""
CHUNK = 64
"""Edge of a chunk [voxels]: a patch touches few of them and reads little in vain."""


class WholeStore(LocalStore):
    """A folder whose chunks are all there; zarr reads a missing one as zeros."""

    async def get(self, key: str, *arguments: Any, **keywords: Any) -> Any:
        """Return a file's content, None if there are no such metadata."""
        found = await super().get(key, *arguments, **keywords)
        if found is None and key.rpartition("/")[2] not in ALL_METADATA:
            raise ValueError(
                f"chunk {self.root / key} is missing, which was there; run again, so"
                " that its volume is made again"
            )
        return found


class Axis(BaseModel):
    """An axis of a multiscale image."""

    name: str
    unit: str | None = None


class Step(BaseModel):
    """A step from index to position."""

    type: str
    scale: list[float] = []
    translation: list[float] = []


class Dataset(BaseModel):
    """One resolution of a multiscale image."""

    path: str = Field(max_length=200)
    steps: list[Step] | None = Field(default=None, alias="coordinateTransformations")


class Multiscale(BaseModel):
    """One image in all its resolutions, the finest first.

    Source: OME-NGFF 0.4 and 0.5, multiscales metadata, https://ngff.openmicroscopy.org
    """

    axes: list[Axis | str]
    datasets: list[Dataset] = Field(min_length=1)
    steps: list[Step] | None = Field(default=None, alias="coordinateTransformations")


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
    `open_volume`; besides, a chunk that cannot be decoded is a ValueError. Missing
    chunks are the fill value if the volume `may_be_sparse`, unless we wrote it. A mask
    of another shape than its tomogram's `shape_zyx` is not decoded.
    """
    array, stored, size, warnings = _open(path, voxel_size, may_be_sparse=may_be_sparse)
    if shape_zyx:
        check_shape(path, array.shape[-3:], shape_zyx)
    check_memory(path, array.shape, array.dtype.itemsize)
    try:
        volume = read_chunks(array, _folder(array), stored)
    except MemoryError as error:
        raise ValueError(too_large(path, array.shape, array.dtype.itemsize)) from error
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
        If its metadata are no file, or not JSON.
    """
    _check_plain(path)
    metadata = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    return dict(metadata.get("attributes", {}).get("picker", {}))


def _open(
    path: Path, voxel_size: float | None, *, may_be_sparse: bool = False
) -> tuple[zarr.Array[Any], Pipeline, float, list[str]]:
    if not is_zarr(path):
        raise ValueError(
            f"{path} is not a Zarr folder: expected {', '.join(METADATA[:3])} in it;"
            " give the folder that has them, or copy it again"
        )
    sizes: list[float] = []
    warnings: list[str] = []
    _check_plain(path)
    node = _metadata(path, lambda: zarr.open(WholeStore(path), mode="r"))
    attributes: dict[str, Any] = _metadata(path, node.attrs.asdict)
    if isinstance(node, zarr.Array):
        array = node
        if array.ndim != 3:
            raise ValueError(
                f"{path} is a Zarr array of shape {array.shape}; expected z, y, x"
            )
    elif image := _only_image(path, attributes):
        return _open(image, voxel_size, may_be_sparse=may_be_sparse)
    elif voxel_size is not None and (only := _only_array(path, node)) is not None:
        array = only
    else:
        array, sizes, warnings = _highest_resolution(path, node, voxel_size)
    # Ours are written with all their chunks.
    sparse = may_be_sparse and "picker" not in attributes
    stored, said = check_chunks(array, _folder(array), may_be_sparse=sparse)
    warnings += said
    size, said = checked_voxel_size(path, sizes, voxel_size)
    return array, stored, size, warnings + said


def _folder(array: zarr.Array[Any]) -> Path:
    store = array.store_path.store
    assert isinstance(store, LocalStore)
    return store.root / array.path


def _check_plain(folder: Path) -> None:
    """Refuse metadata that are no files, or too large.

    Reading a pipe would wait for ever.
    """
    for file in (folder / name for name in ALL_METADATA):
        if file.exists() and not file.is_file():
            raise ValueError(f"{file} is not a file; expected Zarr metadata, fix it")
        if file.exists() and (size := file.stat().st_size) > MOST_METADATA:
            raise ValueError(
                f"{file} has {size} bytes; expected Zarr metadata, of {MOST_METADATA}"
                " at most: copy it again, or write the volume to a store of its own"
            )


def _only_image(path: Path, attributes: Mapping[str, Any]) -> Path | None:
    """Return the folder of the image, if the metadata say that they lie in folders.

    Raises
    ------
    ValueError
        If there are several.

    Source: OME-NGFF 0.4 and 0.5, bioformats2raw.layout, https://ngff.openmicroscopy.org
    """
    ome = attributes.get("ome")
    every = {**attributes, **(ome if isinstance(ome, dict) else {})}
    if "bioformats2raw.layout" not in every or "multiscales" in every:
        return None
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


def _metadata(path: Path, read: Callable[[], Any]) -> Any:
    """Return what zarr reads; what it raises at damaged metadata becomes one error."""
    try:
        return read()
    except DAMAGE as error:
        raise ValueError(
            f"Zarr metadata of {path} cannot be read ({error}); copy it again"
        ) from error


def _only_array(path: Path, group: zarr.Group) -> zarr.Array[Any] | None:
    """Return the array of a group that has one and no OME metadata."""
    attributes: dict[str, Any] = group.attrs.asdict()
    if "multiscales" in attributes or "ome" in attributes:
        return None
    for folder in path.iterdir():
        _check_plain(folder)
    arrays = _metadata(path, lambda: [array for _, array in group.arrays()])
    return arrays[0] if len(arrays) == 1 and arrays[0].ndim == 3 else None


def _highest_resolution(
    path: Path, group: zarr.Group, voxel_size: float | None
) -> tuple[zarr.Array[Any], list[float], list[str]]:
    """Return the first dataset, its voxel size along z, y, x, warnings."""
    attributes: dict[str, Any] = group.attrs.asdict()
    ome = attributes.get("ome", attributes)
    try:
        multiscale = Multiscale.model_validate(ome["multiscales"][0])
    except (KeyError, IndexError, TypeError, ValidationError) as error:
        why = explained(error) if isinstance(error, ValidationError) else repr(error)
        raise ValueError(
            f"{path} has no OME-Zarr metadata (multiscales with axes and datasets in"
            f" .zattrs or zarr.json: {why.strip()}); copy it again, or give a"
            f" single array of z, y, x and {SET_VOXEL_SIZE}"
        ) from error
    axes = [a if isinstance(a, Axis) else Axis(name=a) for a in multiscale.axes]
    names = [axis.name for axis in axes]
    dataset = multiscale.datasets[0]
    _check_plain(path / dataset.path)
    array = _metadata(path, lambda: group.get(dataset.path))
    if not isinstance(array, zarr.Array):
        raise ValueError(
            f"{path} names dataset {dataset.path}, which is missing; copy it"
        )
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
    steps = [*(multiscale.steps or []), *(dataset.steps or [])]
    scale, warnings = _scale(path, steps, len(names))
    units = [axis.unit or "missing" for axis in axes[extra:]]
    if not scale or (voxel_size is not None and not set(units) <= set(ANGSTROM)):
        return array, [], warnings
    for unit in units:
        if unit not in ANGSTROM:
            raise ValueError(
                f"{path} has an axis whose unit is {unit}; expected"
                f" {', '.join(ANGSTROM)}; {SET_VOXEL_SIZE}"
            )
    sizes = [s * ANGSTROM[u] for s, u in zip(scale[extra:], units, strict=True)]
    return array, sizes, warnings


def _scale(
    path: Path, steps: list[Step], num_axes: int
) -> tuple[list[float], list[str]]:
    """Return the product of all scales, empty if there is none, and warnings."""
    scale: list[float] = []
    warnings = []
    for step in steps:
        if step.type == "scale" and len(step.scale) == num_axes:
            before = scale or [1.0] * num_axes
            scale = [a * b for a, b in zip(before, step.scale, strict=True)]
        elif step.type == "translation" and any(step.translation):
            warnings.append(
                f"{path}: its translation {step.translation} is ignored; positions"
                " count from the centre of its first voxel"
            )
    return scale, warnings
