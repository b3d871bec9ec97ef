"""Chunks are read as zarr reads them."""

from __future__ import annotations

import warnings

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

from picker.formats.volumes.ome_zarr import read_volume
from tests.unit.formats.volumes.zarr_codecs.examples import SHAPE, marked


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
    "options",
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
def test_version_3_is_read_as_zarr_reads_it(tmp_path, dtype, options):
    options = options() if callable(options) else options
    if isinstance(options.get("filters"), wrapped.Delta):
        dtype = "i2"
    check(tmp_path / "a.zarr", np.dtype(dtype), **options)


def check(path, dtype, **options):
    volume = marked(dtype)
    # Zarr leaves this chunk out of its shard, or of the folder.
    volume[:8, :9, 7:14] = 0
    options = {"chunks": (8, 9, 7)} | options
    array = zarr.create_array(path, shape=SHAPE, dtype=dtype, fill_value=0, **options)
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
