"""Zarr stores that name their own codecs: what is read, what is refused unread."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import os
import pickle
import struct
import warnings
import zlib

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import (
    BytesCodec,
    Crc32cCodec,
    GzipCodec,
    ShardingCodec,
    TransposeCodec,
    ZstdCodec,
)
from zarr.codecs import numcodecs as wrapped

from picker.formats.volumes.ome_zarr import open_volume, read_volume
from picker.formats.volumes.read import read_geometry, read_mask, read_tomogram
from tests.unit.formats.memory import little_memory

SHAPE = (16, 18, 20)
VOXELS = 16 * 18 * 20
READERS = (
    lambda path: read_tomogram(path, "a", 10.0),
    lambda path: read_geometry(path, 10.0),
    read_mask,
    lambda path: open_volume(path, 10.0),
)


OF_OBJECTS = {
    "dtype": "|O",
    "filters": [{"id": "vlen-utf8"}],
    "compressor": {"id": "pickle", "protocol": 5},
    "fill_value": "",
}


class Evidence:
    """What makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def version_2(path, content=b"", **changes):
    """Write an array of one chunk by hand, so that any codec can be named."""
    metadata = {
        "zarr_format": 2,
        "shape": SHAPE,
        "chunks": SHAPE,
        "dtype": "<f4",
        "order": "C",
        "fill_value": 0,
        "filters": None,
        "compressor": None,
    }
    path.mkdir()
    (path / ".zarray").write_text(json.dumps(metadata | changes))
    (path / "0.0.0").write_bytes(content)
    return path


def version_3(path, codecs, content=b""):
    """Write an array of one chunk by hand."""
    metadata = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": SHAPE,
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": SHAPE}},
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}},
        "fill_value": 0,
        "codecs": codecs,
    }
    path.mkdir()
    (path / "zarr.json").write_text(json.dumps(metadata))
    (path / "0.0.0").write_bytes(content)
    return path


def coded(name, **configuration):
    return {"name": name, "configuration": configuration}


PLAIN = coded("bytes", endian="little")


@pytest.mark.parametrize("reader", READERS)
def test_what_runs_code_is_refused_before_it_is_decoded(tmp_path, monkeypatch, reader):
    # As versions of numcodecs did that ask nobody; newer ones refuse it themselves.
    monkeypatch.setattr(
        numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False
    )
    evidence = tmp_path / "evidence"
    bomb = pickle.dumps(Evidence(evidence))
    path = version_2(tmp_path / "a.zarr", bomb, **OF_OBJECTS)
    match = r"a\.zarr holds .*; expected real numbers"
    with pytest.raises(ValueError, match=match):
        reader(path)
    assert not evidence.exists()
    with contextlib.suppress(Exception):
        zarr.open(path)[...]
    assert evidence.exists()  # zarr itself would have run it


@pytest.mark.parametrize("inside", ["0", "deep/0"])
def test_the_arrays_of_an_image_are_looked_at_as_well(tmp_path, monkeypatch, inside):
    monkeypatch.setattr(
        numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False
    )
    path = tmp_path / "a.zarr"
    (path / inside).parent.mkdir(parents=True)
    evidence = tmp_path / "evidence"
    bomb = pickle.dumps(Evidence(evidence))
    version_2(path / inside, bomb, **OF_OBJECTS)
    step = {"type": "scale", "scale": [10.0] * 3}
    dataset = {"path": inside, "coordinateTransformations": [step]}
    axes = [{"name": a, "type": "space", "unit": "angstrom"} for a in "zyx"]
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(
        json.dumps({"multiscales": [{"axes": axes, "datasets": [dataset]}]})
    )
    with pytest.raises(ValueError, match=r"holds .*; expected real numbers"):
        read_tomogram(path, "a")
    assert not evidence.exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"filters": [{"id": "base64"}]}, "base64"),
        ({"compressor": {"id": "fletcher32"}}, "fletcher32"),
        ({"filters": [{"id": "bz2"}], "compressor": {"id": "bz2"}}, "bz2"),
        (
            {"filters": [{"id": "delta", "dtype": "<f4", "astype": "S9000"}]},
            r"delta of \|?S9000",
        ),
    ],
)
def test_filters_that_could_make_anything_are_refused(tmp_path, changes, named):
    path = version_2(tmp_path / "a.zarr", b"\0" * 4 * VOXELS, **changes)
    with pytest.raises(ValueError, match=f"is stored through {named}; expected none"):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize(
    ("codecs", "named"),
    [
        ([PLAIN, coded("numcodecs.bz2"), coded("numcodecs.bz2")], "bz2 after bz2"),
        ([PLAIN, coded("gzip", level=1), coded("zstd", level=1)], "zstd after gzip"),
        (
            [
                coded(
                    "sharding_indexed",
                    chunk_shape=SHAPE,
                    codecs=[PLAIN, coded("numcodecs.bz2"), coded("numcodecs.lzma")],
                    index_codecs=[PLAIN, {"name": "crc32c"}],
                )
            ],
            "lzma after bz2",
        ),
        (
            [
                coded("numcodecs.delta", dtype="<f4"),
                coded(
                    "sharding_indexed",
                    chunk_shape=[2, 2, 2],
                    codecs=[PLAIN],
                    index_codecs=[PLAIN],
                ),
            ],
            "delta before sharding_indexed",
        ),
        ([coded("numcodecs.pcodec")], "pcodec"),
        ([PLAIN, coded("numcodecs.fletcher32")], "fletcher32"),
    ],
)
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_codecs_of_version_3_that_could_make_anything_are_refused(
    tmp_path, codecs, named
):
    path = version_3(tmp_path / "a.zarr", codecs, b"\0" * 4 * VOXELS)
    with pytest.raises(ValueError, match=f"is stored through {named}; expected none"):
        read_tomogram(path, "a", 10.0)


def zstd_of_zeros(size):
    """Return a frame that does not say its size: four bytes for 128 kB."""
    blocks, rest = divmod(size, 2**17)
    sizes = [2**17] * blocks + [rest]
    heads = [
        struct.pack("<I", (i == blocks) | 1 << 1 | n << 3)[:3] + b"\0"
        for i, n in enumerate(sizes)
    ]
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(heads)


LARGE = 2**26
BOMBS = {
    "bz2": lambda size: bz2.compress(b"\0" * size),
    "lzma": lambda size: lzma.compress(b"\0" * size),
    "zlib": lambda size: zlib.compress(b"\0" * size),
    # Its last member says what the array does; the one before is the bomb.
    "gzip": lambda size: gzip.compress(b"\0" * size) + gzip.compress(b"1" * 4 * VOXELS),
    "zstd": zstd_of_zeros,
    # A frame of the right size comes first.
    "zstd, twice": lambda size: (
        numcodecs.Zstd().encode(b"1" * 4 * VOXELS) + zstd_of_zeros(size)
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_few_bytes_do_not_decode_to_more_than_the_array_says(tmp_path, kind):
    codec = kind.partition(",")[0]
    bomb = BOMBS[kind](LARGE)
    path = version_2(tmp_path / "a.zarr", bomb, compressor={"id": codec})
    match = r"a\.zarr.*(damaged|decoded)"
    with little_memory(LARGE // 2), pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("codec", ["bz2", "lzma", "zlib", "zstd"])
@pytest.mark.parametrize("size", [4 * VOXELS - 1, 4 * VOXELS + 1])
def test_a_byte_too_much_or_too_few_is_damage(tmp_path, codec, size):
    path = version_2(tmp_path / "a.zarr", BOMBS[codec](size), compressor={"id": codec})
    with pytest.raises(ValueError, match=r"0\.0\.0 cannot be decoded: .*; copy it"):
        read_tomogram(path, "a", 10.0)


CHAINS = {
    "astype": {"encode_dtype": "|i1", "decode_dtype": "<f8"},
    "packbits": {},
    "delta": {"dtype": "<f8", "astype": "|i1"},
    "fixedscaleoffset": {"dtype": "<f8", "astype": "|i1", "scale": 1, "offset": 0},
    "quantize": {"dtype": "<f8", "astype": "<f2", "digits": 1},
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_filters_makes_no_more_either(tmp_path, name):
    """Each link makes eight bytes of one, and the next takes each for one of its."""
    dtype = {"packbits": "|b1", "quantize": "<f2"}.get(name, "|i1")
    size = {"packbits": VOXELS // 8 + 1, "quantize": 2 * VOXELS}.get(name, VOXELS)
    filters = [{"id": name, **CHAINS[name]}] * 9
    path = version_2(tmp_path / "a.zarr", b"\0" * size, dtype=dtype, filters=filters)
    match = rf"0\.0\.0 cannot be decoded: its filter {name} makes \d+ bytes, expected"
    with little_memory(LARGE // 2), pytest.raises(ValueError, match=match):
        read_mask(path)


def test_a_shard_s_chunk_is_no_bomb_either(tmp_path):
    shards = coded(
        "sharding_indexed",
        chunk_shape=SHAPE,
        codecs=[PLAIN, coded("gzip", level=1)],
        index_codecs=[PLAIN],
    )
    bomb = gzip.compress(b"\0" * LARGE)
    content = bomb + struct.pack("<QQ", 0, len(bomb))
    path = version_3(tmp_path / "a.zarr", [shards], content)
    with (
        little_memory(LARGE // 2),
        pytest.raises(ValueError, match="it announces"),
    ):
        read_tomogram(path, "a", 10.0)
    bad = bomb[:100] + struct.pack("<QQ", 50, 10**6)
    (path / "0.0.0").write_bytes(bad)
    with pytest.raises(ValueError, match="its index names bytes that it has not"):
        read_tomogram(path, "a", 10.0)
    (path / "0.0.0").write_bytes(b"123")
    with pytest.raises(ValueError, match="it has 3 bytes, its index alone 16"):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("chunks", [[0, 0, 0], [16, 0, 20], [16, 18], [16, 18, 20, 1]])
def test_chunks_that_cannot_be_are_an_error_of_the_metadata(tmp_path, chunks):
    path = version_2(tmp_path / "a.zarr", chunks=chunks)
    with pytest.raises(ValueError, match=r"a\.zarr .*copy it again"):
        read_tomogram(path, "a", 10.0)


def test_a_chunk_much_larger_than_its_array_is_refused(tmp_path):
    path = version_2(tmp_path / "a.zarr", b"x", chunks=[5000] * 3)
    match = r"announces chunks of \(5000, 5000, 5000\) for \(16, 18, 20\) voxels"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


def marked(dtype):
    return (np.arange(VOXELS) % 101 + 1).reshape(SHAPE).astype(dtype)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", ">i2", "|u1", "<f8"])
def test_version_2_is_read_as_zarr_reads_it(tmp_path, order, dtype):
    for number, (filters, compressor) in enumerate(
        [
            (None, None),
            (None, numcodecs.Blosc()),
            ([numcodecs.Shuffle(elementsize=4)], numcodecs.Zlib()),
            ([numcodecs.Delta(dtype=dtype)], numcodecs.Zstd()),
            ([numcodecs.Delta(dtype=dtype, astype="<f8")], numcodecs.BZ2()),
            (
                [numcodecs.FixedScaleOffset(0, 2, dtype=dtype, astype="<i2")],
                numcodecs.LZ4(),
            ),
            ([numcodecs.AsType("<f8", dtype)], numcodecs.LZMA(preset=1)),
        ]
    ):
        check(
            tmp_path / f"{number}.zarr",
            np.dtype(dtype),
            zarr_format=2,
            order=order,
            filters=filters,
            compressors=compressor,
        )


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("dtype", ["f4", "i2", "u1", "f2"])
@pytest.mark.parametrize(
    "how",
    [
        {"compressors": [ZstdCodec(), Crc32cCodec()]},
        {"compressors": [Crc32cCodec()]},
        {"compressors": [ZstdCodec(checksum=True)]},
        # Made when they are used, as they warn.
        lambda: {"compressors": [wrapped.Shuffle(), wrapped.Zlib()]},
        lambda: {"compressors": wrapped.LZMA(preset=1)},
        lambda: {"filters": wrapped.Delta(dtype="<i2", astype="<i4")},
        {
            "filters": [
                TransposeCodec(order=(1, 2, 0)),
                TransposeCodec(order=(0, 2, 1)),
            ],
            "serializer": BytesCodec(endian="big"),
        },
        {"shards": (16, 18, 28), "compressors": [GzipCodec(), Crc32cCodec()]},
        {
            "shards": (16, 18, 28),
            "filters": TransposeCodec(order=(1, 2, 0)),
            "serializer": BytesCodec(endian="big"),
        },
        {
            "chunks": (16, 16, 24),
            "filters": TransposeCodec(order=(1, 2, 0)),
            "compressors": None,
            "serializer": ShardingCodec(chunk_shape=(8, 8, 4)),
        },
        {
            "chunks": (16, 18, 28),
            "compressors": None,
            "serializer": ShardingCodec(
                chunk_shape=(8, 9, 7),
                index_location="start",
                index_codecs=[BytesCodec()],
            ),
        },
    ],
)
def test_version_3_is_read_as_zarr_reads_it(tmp_path, dtype, how):
    how = how() if callable(how) else how
    if isinstance(how.get("filters"), wrapped.Delta):
        dtype = "i2"
    check(tmp_path / "a.zarr", np.dtype(dtype), **how)


def check(path, dtype, **how):
    volume = marked(dtype)
    # Zarr leaves this chunk out of its shard, or of the folder.
    volume[:8, :9, 7:14] = 0
    how = {"chunks": (8, 9, 7)} | how
    array = zarr.create_array(path, shape=SHAPE, dtype=dtype, fill_value=0, **how)
    # Zarr encodes and decodes memory as it finds it, also beyond the array's end, in
    # threads of its own: what numpy says of such numbers depends on chance.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        array[...] = volume
        expected = np.asarray(zarr.open_array(path)[...])
    found, _, _ = read_volume(path, 10.0, may_be_sparse=True)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, volume)


def test_truth_values_packed_in_bits_are_read(tmp_path):
    volume = np.zeros(SHAPE, bool)
    volume[3, 5, 7] = True
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=SHAPE,
        dtype=bool,
        chunks=SHAPE,
        zarr_format=2,
        filters=[numcodecs.PackBits()],
    )
    array[...] = volume
    assert np.argwhere(read_mask(tmp_path / "a.zarr", SHAPE)).tolist() == [[3, 5, 7]]


def test_a_checksum_that_does_not_fit_is_damage(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=SHAPE,
        dtype="f4",
        chunks=SHAPE,
        compressors=[Crc32cCodec()],
    )
    array[...] = marked("f4")
    (file,) = (f for f in (tmp_path / "a.zarr" / "c").rglob("*") if f.is_file())
    raw = bytearray(file.read_bytes())
    raw[1000] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ValueError, match=r"cannot be decoded: .*checksum"):
        read_tomogram(tmp_path / "a.zarr", "a", 10.0)
