"""The codecs that an array's metadata name, if all of them are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats.volumes.zarr_codecs.compressors import COMPRESSORS
from picker.formats.volumes.zarr_codecs.filters import DTYPE_OPTIONS, FILTERS, Filter
from picker.formats.volumes.zarr_codecs.pipeline import Pipeline
from picker.formats.volumes.zarr_codecs.sharding import Sharding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zarr

    from picker.formats.volumes.zarr_codecs.compressors import Compressor

Codecs = Pipeline | Sharding
"""How an array's files are stored."""
NUMBERS = "biuf"
"""Kinds of types that codecs may make: truth values, integers and real numbers."""


def codecs_of(array: zarr.Array[Any]) -> Codecs:
    """Return how an array's chunks, or its shards, are stored; nothing is decoded.

    Raises
    ------
    ValueError
        If the array holds no numbers, or a codec is not a known one, which could run
        what it decodes or decode to any size.
    """
    if array.dtype.kind not in f"{NUMBERS}c":
        raise ValueError(f"holds {array.dtype}; expected real numbers")
    metadata = array.metadata
    if metadata.zarr_format == 3:
        codecs = [codec.to_dict() for codec in metadata.codecs]
        return _version_3(array.shards or array.chunks, array.dtype, codecs)
    stages = [dict(codec.get_config()) for codec in metadata.filters or ()]
    filters = [Filter(name=stage.pop("id"), options=stage) for stage in stages]
    axes = range(array.ndim)
    options = dict(metadata.compressor.get_config()) if metadata.compressor else {}
    return Pipeline(
        shape=array.chunks,
        dtype=array.dtype,
        axes=tuple(reversed(axes) if metadata.order == "F" else axes),
        filters=tuple(_checked_filter(one) for one in filters),
        compressor=_compressor(options.pop("id"), options) if options else None,
    )


def _version_3(
    shape: tuple[int, ...], dtype: np.dtype[Any], codecs: Sequence[Any]
) -> Codecs:
    """Return what Zarr 3's list of codecs says: numbers, bytes, compressed bytes."""
    axes = tuple(range(len(shape)))
    filters: list[Filter] = []
    last = ""  # codec after which no other, or only a checksum, may come
    sharding: dict[str, Any] = {}
    compressor: tuple[str, dict[str, Any]] | None = None
    is_turned = has_checksum = False
    for codec in codecs:
        name = codec["name"].removeprefix("numcodecs.")
        options = dict(codec.get("configuration") or {})
        if last and (has_checksum or sharding or name != "crc32c"):
            raise ValueError(_refusal(f"{name} after {last}"))
        match name:
            case "transpose":
                axes = tuple(axes[int(i)] for i in options["order"])
                is_turned = True
            case "bytes":
                is_big = options.get("endian") == "big"
                dtype = dtype.newbyteorder(">" if is_big else "<")
            case "sharding_indexed":
                sharding = _sharding([shape[i] for i in axes], dtype, options)
                last = "shards"
            case "crc32c":
                has_checksum = True
                last = last or "none"
            case _ if name in FILTERS:
                filters.append(Filter(name=name, options=options))
            case _:
                compressor = (name, options)
                last = name
    if sharding and filters:
        raise ValueError(_refusal(f"{filters[0].name} before sharding_indexed"))
    if filters and (is_turned or dtype.byteorder == ">"):
        raise ValueError(_refusal(f"{filters[0].name} of turned or big-endian numbers"))
    if sharding:
        return Sharding(shape=shape, dtype=dtype, axes=axes, **sharding)
    return Pipeline(
        shape=shape,
        dtype=dtype,
        axes=axes,
        filters=tuple(_checked_filter(one) for one in filters),
        compressor=_compressor(*compressor) if compressor else None,
        has_checksum=has_checksum,
    )


def _sharding(
    shape: Sequence[int], dtype: np.dtype[Any], options: dict[str, Any]
) -> dict[str, Any]:
    """Return what the sharding codec says, as fields of `Sharding`."""
    edges = tuple(int(edge) for edge in options["chunk_shape"])
    fit = len(edges) == len(shape) and min(edges) > 0
    if not fit or any(n % m for n, m in zip(shape, edges, strict=True)):
        raise ValueError(f"packs chunks of {edges} into shards of {shape}: copy it")
    inner = _version_3(edges, dtype, options["codecs"])
    index = [codec["name"] for codec in options["index_codecs"]]
    if isinstance(inner, Sharding) or index not in (["bytes"], ["bytes", "crc32c"]):
        raise ValueError(_refusal("shards in shards, or their index"))
    return {
        "inner": inner,
        "index_first": options.get("index_location") == "start",
        "index_has_checksum": len(index) == 2,
    }


def _checked_filter(one: Filter) -> Filter:
    """Return a filter if it is known and makes numbers."""
    if one.name not in FILTERS:
        raise ValueError(_refusal(one.name))
    for key in DTYPE_OPTIONS:
        dtype = one.options.get(key)
        if dtype and np.dtype(dtype).kind not in NUMBERS:
            raise ValueError(_refusal(f"{one.name} of {dtype}"))
    return one


def _compressor(name: str, options: dict[str, Any]) -> Compressor:
    if name not in COMPRESSORS:
        raise ValueError(_refusal(name))
    return COMPRESSORS[name](name, options)


def _refusal(name: str) -> str:
    return (
        f"is stored through {name}; expected none or one of the codecs"
        f" {', '.join(COMPRESSORS)}, at most after the filters {', '.join(FILTERS)}:"
        " others could run what they decode or fill the memory; write it again with one"
        " of these"
    )
