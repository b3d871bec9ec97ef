"""What the bytes of a Zarr array went through, undone within the size it announces.

A store names its own codecs. Some of them run what they decode (pickle), others make
gigabytes of a few bytes. So only known ones of numbers are taken, and a chunk decodes
to the size that its shape and type say, or else it is damaged.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numcodecs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zarr
    from numpy.typing import NDArray

NUMBERS = "biuf"
COMPRESSORS = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd")
FILTERS = (
    *("astype", "bitround", "delta", "fixedscaleoffset", "packbits", "quantize"),
    "shuffle",
)
HEAD_BYTES = 18
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
EMPTY = 2**64 - 1
"""Of a shard's index: this chunk was left out because it is the fill value."""

# What zarr and its decoders raise at damaged content; a disk that fails is none of it.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    FileNotFoundError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)

Stage = tuple[str, dict[str, Any]]
"""A codec's name and its settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """How the chunks of an array are stored.

    Attributes
    ----------
    shape
        Of a chunk [voxels], or of a shard.
    dtype
        As stored, in its byte order.
    axes
        The order in which a chunk's axes are stored.
    filters
        What the numbers went through, first to last.
    compressor
        What their bytes went through then: its name, none, or shards.
    options
        The compressor's settings.
    has_checksum
        Whether four bytes of CRC32C follow.
    inner
        Of the chunks that are packed into a shard; None if none are.
    index_first, index_has_checksum
        Where a shard's index of them lies, and whether a checksum follows it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[int, ...]
    filters: tuple[Stage, ...] = ()
    compressor: str = "none"
    options: dict[str, Any] = field(default_factory=dict)
    has_checksum: bool = False
    inner: Pipeline | None = None
    index_first: bool = False
    index_has_checksum: bool = True

    @property
    def size(self) -> int:
        """Bytes of a chunk before its compressor."""
        return self._sizes[-1]

    @property
    def _sizes(self) -> list[int]:
        """Bytes of a chunk before its filters, and after each of them."""
        voxels = math.prod(self.shape)
        sizes = [voxels * self.dtype.itemsize]
        for name, options in self.filters:
            kind = options.get("astype") or options.get("encode_dtype")
            if name == "packbits":
                sizes.append(1 + math.ceil(voxels / 8))
            elif kind:
                sizes.append(voxels * np.dtype(kind).itemsize)
            else:
                sizes.append(sizes[-1])
        return sizes

    @property
    def _stored_shape(self) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.axes)

    @property
    def _index_size(self) -> int:
        """Bytes of a shard's index: where each chunk begins, and how long it is."""
        if not self.inner:
            return 0
        chunks = math.prod(self.shape) // math.prod(self.inner.shape)
        return 16 * chunks + 4 * self.index_has_checksum

    def problem(self, head: bytes, tail: bytes, length: int) -> str:
        """Return what a chunk's first and last bytes say is wrong, or nothing.

        Parameters
        ----------
        head, tail
            Its first `HEAD_BYTES` and last eight bytes.
        length
            Of the whole chunk [bytes].

        Source: C-Blosc, README_CHUNK_FORMAT.rst; RFC 1952, gzip; RFC 8878, Zstandard;
        numcodecs, lz4, which puts the size before LZ4's own bytes.
        """
        # What is compressed does not grow by more than its frame.
        room = 2 * self.size + 65536 + self._index_size
        if self.compressor != "none" and length > room:
            return f"it has {length} bytes for {self.size} decoded ones"
        if self.inner:
            return ""
        if self.has_checksum:
            tail, length = tail[:-4], length - 4
        if self.compressor == "none":
            return (
                ""
                if length == self.size
                else f"expected {self.size} bytes, the file has {length}"
            )
        content: int | None = None
        if self.compressor == "blosc":
            announced = int.from_bytes(head[12:16], "little")
            if length < 16 or announced != length:
                return f"it announces {announced} bytes, the file has {length}"
            content = int.from_bytes(head[4:8], "little")
        elif self.compressor == "gzip":
            content = int.from_bytes(tail[-4:], "little")
        elif self.compressor == "lz4":
            content = int.from_bytes(head[:4], "little")
        elif self.compressor == "zstd":
            content = _zstd_content(head)
        if content is not None and content != self.size:
            return f"it announces {content} decoded bytes, expected {self.size}"
        return ""

    def decoded(self, raw: bytes, fill: Any) -> NDArray[Any]:
        """Return a chunk's numbers, or a shard's; `fill` where it has none.

        Raises
        ------
        ValueError
            If it is of another size than announced. The decoders raise others.
        """
        turn = np.argsort(self.axes)
        if self.inner:
            return self._shard(raw, self.inner, fill).transpose(turn)
        if problem := self.problem(raw[:HEAD_BYTES], raw[-8:], len(raw)):
            raise ValueError(problem)
        if self.has_checksum:
            raw = _checked(raw)
        content = np.frombuffer(self._decompressed(raw), np.uint8)
        stages = zip(self.filters, self._sizes[:-1], strict=True)
        for (name, options), size in reversed(list(stages)):
            codec = numcodecs.get_codec({"id": name, **options})
            # Beyond the array's end writers leave memory as they find it.
            with np.errstate(all="ignore"):
                numbers = codec.decode(content)
            content = np.asarray(numbers).reshape(-1).view(np.uint8)
            # Each may make eight bytes of one: a chain of them fills the memory.
            if len(content) != size:
                raise ValueError(
                    f"its filter {name} makes {len(content)} bytes, expected {size}"
                )
        stored = content.view(self.dtype)
        return stored.reshape(self._stored_shape).transpose(turn)

    def _decompressed(self, raw: bytes) -> Any:
        """Return the bytes that were compressed; no more than expected are made."""
        size = self.size
        match self.compressor:
            case "none":
                return raw
            case "blosc" | "lz4" | "zstd" as name:
                content = np.empty(size, np.uint8)
                numcodecs.get_codec({"id": name}).decode(raw, out=content)
                return content
            case "zlib":
                whole = zlib.decompressobj()
                found = whole.decompress(raw, size + 1)
                if len(found) <= size and not whole.eof:
                    raise ValueError("it ends too early")
            case "gzip":
                found = gzip.GzipFile(fileobj=BytesIO(raw)).read(size + 1)
            case "bz2":
                found = bz2.BZ2File(BytesIO(raw)).read(size + 1)
            case _:
                kind, how = (self.options.get(key) for key in ("format", "filters"))
                stream = lzma.LZMAFile(BytesIO(raw), format=kind, filters=how)
                found = stream.read(size + 1)
        if len(found) != size:
            many = f"{len(found)}" if len(found) < size else "more"
            raise ValueError(f"it decodes to {many} bytes, expected {size}")
        return found

    def _shard(self, raw: bytes, inner: Pipeline, fill: Any) -> NDArray[Any]:
        """Return a shard's numbers.

        Source: Zarr, sharding codec 1.0, https://zarr-specs.readthedocs.io.
        """
        shape = self._stored_shape
        counts = [n // m for n, m in zip(shape, inner.shape, strict=True)]
        length = self._index_size
        if len(raw) < length:
            raise ValueError(f"it has {len(raw)} bytes, its index alone {length}")
        index = raw[:length] if self.index_first else raw[len(raw) - length :]
        if self.index_has_checksum:
            index = _checked(index)
        shard = np.full(shape, fill, self.dtype)
        places = np.frombuffer(index, "<u8").reshape(*counts, 2)
        for place in np.ndindex(*counts):
            start, size = (int(number) for number in places[place])
            if (start, size) == (EMPTY, EMPTY):
                continue
            if start + size > len(raw):
                raise ValueError("its index names bytes that it has not")
            slices = tuple(
                slice(i * n, (i + 1) * n)
                for i, n in zip(place, inner.shape, strict=True)
            )
            shard[slices] = inner.decoded(raw[start : start + size], fill)
        return shard


def pipeline(array: zarr.Array[Any]) -> Pipeline:
    """Return how an array's chunks are stored; nothing is decoded.

    Raises
    ------
    ValueError
        If it holds no numbers, or a codec is not among the known ones, which would run
        what it decodes or could decode to any size.
    """
    if array.dtype.kind not in f"{NUMBERS}c":
        raise ValueError(f"holds {array.dtype}; expected real numbers")
    metadata = array.metadata
    if metadata.zarr_format == 3:
        codecs = [codec.to_dict() for codec in metadata.codecs]
        return _of_version_3(array.shards or array.chunks, array.dtype, codecs)
    stages = [codec.get_config() for codec in metadata.filters or ()]
    filters = tuple((stage.pop("id"), stage) for stage in stages)
    options = metadata.compressor.get_config() if metadata.compressor else {}
    found = Pipeline(
        shape=array.chunks,
        dtype=array.dtype,
        axes=_axes(array.ndim, reverse=metadata.order == "F"),
        filters=filters,
        compressor=options.pop("id", "none"),
        options=options,
    )
    return _known(found)


def _of_version_3(
    shape: tuple[int, ...], dtype: np.dtype[Any], codecs: Sequence[Any]
) -> Pipeline:
    """Return the pipeline of Zarr 3's list of codecs."""
    axes, filters = _axes(len(shape)), list[Stage]()
    found: dict[str, Any] = {}
    is_turned = False
    for codec in codecs:
        name = codec["name"].removeprefix("numcodecs.")
        options = dict(codec.get("configuration") or {})
        is_last = "has_checksum" in found or "inner" in found
        if is_last or ("compressor" in found and name != "crc32c"):
            raise ValueError(_refusal(f"{name} after {found['compressor']}"))
        match name:
            case "transpose":
                axes = tuple(axes[int(i)] for i in options["order"])
                is_turned = True
            case "bytes":
                is_big = options.get("endian") == "big"
                dtype = dtype.newbyteorder(">" if is_big else "<")
            case "sharding_indexed":
                found |= _sharding([shape[i] for i in axes], dtype, options)
            case "crc32c":
                found["has_checksum"] = True
                found.setdefault("compressor", "none")
            case _ if name in FILTERS:
                filters.append((name, options))
            case _:
                found |= {"compressor": name, "options": options}
    if "inner" in found and filters:
        raise ValueError(_refusal(f"{filters[0][0]} before sharding_indexed"))
    if filters and (is_turned or dtype.byteorder == ">"):
        raise ValueError(_refusal(f"{filters[0][0]} of turned or big-endian numbers"))
    return _known(
        Pipeline(shape=shape, dtype=dtype, axes=axes, filters=tuple(filters), **found)
    )


def _sharding(
    shape: Sequence[int], dtype: np.dtype[Any], options: dict[str, Any]
) -> dict[str, Any]:
    """Return what a shard's codec says, as fields of its pipeline."""
    edges = tuple(int(edge) for edge in options["chunk_shape"])
    fit = len(edges) == len(shape) and min(edges) > 0
    if not fit or any(n % m for n, m in zip(shape, edges, strict=True)):
        raise ValueError(f"packs chunks of {edges} into shards of {shape}: copy it")
    inner = _of_version_3(edges, dtype, options["codecs"])
    index = [codec["name"] for codec in options["index_codecs"]]
    if inner.inner or index not in (["bytes"], ["bytes", "crc32c"]):
        raise ValueError(_refusal("shards in shards, or their index"))
    return {
        "inner": inner,
        "compressor": "shards",
        "index_first": options.get("index_location") == "start",
        "index_has_checksum": len(index) == 2,
    }


def _known(found: Pipeline) -> Pipeline:
    """Return the pipeline if it is made of known codecs of numbers alone."""
    for name, options in found.filters:
        if name not in FILTERS:
            raise ValueError(_refusal(name))
        for key in ("dtype", "astype", "encode_dtype", "decode_dtype"):
            kind = options.get(key)
            if kind and np.dtype(kind).kind not in NUMBERS:
                raise ValueError(_refusal(f"{name} of {kind}"))
    if found.compressor not in (*COMPRESSORS, "none") and not found.inner:
        raise ValueError(_refusal(found.compressor))
    return found


def _refusal(name: str) -> str:
    return (
        f"is stored through {name}; expected none or one of the codecs"
        f" {', '.join(COMPRESSORS)}, at most after the filters {', '.join(FILTERS)}:"
        " others could run what they decode or fill the memory; write it again with one"
        " of these"
    )


def _axes(number: int, *, reverse: bool = False) -> tuple[int, ...]:
    return tuple(range(number))[:: -1 if reverse else 1]


def _checked(raw: bytes) -> bytes:
    """Return bytes without the checksum at their end, which must be theirs."""
    checksum = numcodecs.get_codec({"id": "crc32c", "location": "end"})
    return bytes(checksum.decode(raw))


def _zstd_content(head: bytes) -> int | None:
    """Return the decoded size that a Zstandard frame announces, None if it does not."""
    if len(head) < HEAD_BYTES or head[:4] != ZSTD_MAGIC:
        return None
    flag, is_single, dictionary = head[4] >> 6, head[4] >> 5 & 1, head[4] & 3
    start = 5 + (1 - is_single) + (0, 1, 2, 4)[dictionary]
    length = (is_single, 2, 4, 8)[flag]
    if length == 0:
        return None
    # Two bytes count from 256, as one would do for less.
    return int.from_bytes(head[start : start + length], "little") + 256 * (flag == 1)
