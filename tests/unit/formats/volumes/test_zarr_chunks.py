import errno
from pathlib import Path

import numpy as np
import pytest
import zarr

from picker.formats.volumes.ome_zarr import open_volume, read_volume, write_volume
from picker.formats.volumes.read import read_geometry as volume_geometry
from picker.formats.volumes.read import read_mask, read_tomogram
from tests.unit.formats.volumes.zarr_codecs.examples import version_2
from tests.unit.formats.volumes.zarr_stores import (
    CHUNKS,
    SHAPE,
    chunk_files,
    marked,
    store,
)


@pytest.mark.parametrize("version", [2, 3])
def test_chunks_left_out_are_the_fill_value_if_the_user_says_so(tmp_path, version):
    volume = marked()
    volume[:9, :10, :14] = 0
    path = store(tmp_path / "a.zarr", version, volume=volume, fill_value=0)
    match = (
        "1 of 8 chunks are missing and would read as 0.0; copy it again, or if they"
        r" were left .* set tomograms\.missing_chunks: fill .*--missing-chunks fill"
    )
    for reader in (volume_geometry, lambda path: read_tomogram(path, "a")):
        with pytest.raises(ValueError, match=match):
            reader(path)
    tomogram, (warning,) = read_tomogram(path, "a", may_be_sparse=True)
    np.testing.assert_array_equal(tomogram.volume, volume)
    assert "1 of 8 chunks are missing and would read as 0.0, as was acc" in warning
    assert volume_geometry(path, may_be_sparse=True)[0] == SHAPE


def test_a_chunk_of_our_own_that_is_missing_is_damage_even_of_a_mask(tmp_path):
    mask = np.zeros((100, 70, 40), np.uint8)
    mask[3, 5, 7] = 1
    path = tmp_path / "mask.zarr"
    write_volume(path, mask, 10.0, {}, "zstd")
    assert np.argwhere(read_mask(path)).tolist() == [[3, 5, 7]]
    files = chunk_files(path)
    assert len(files) == 4
    files[2].unlink()
    with pytest.raises(ValueError, match="1 of 4 chunks are missing"):
        read_mask(path)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("compressor", ["blosc", "none"])
def test_a_missing_chunk_is_refused(tmp_path, version, compressor):
    path = store(tmp_path / "a.zarr", version, compressor=compressor)
    files = chunk_files(path)
    assert len(files) == 8
    files[5].unlink()
    # A stray file must not make up for the chunk.
    (path / "0" / ".DS_Store").touch()
    (path / "0" / "notes.txt").touch()
    with pytest.raises(ValueError, match="1 of 8 chunks are missing and would read"):
        open_volume(path)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kept", [0, 10, 16, 200])
def test_a_cut_blosc_chunk_is_caught_before_it_is_decoded(tmp_path, version, kept):
    path = store(tmp_path / "a.zarr", version)
    file = chunk_files(path)[3]
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf"{file.name} is damaged.*has {kept}; copy"):
        open_volume(path)


def test_shards_are_counted_as_files(tmp_path):
    path = store(
        tmp_path / "a.zarr", 3, shards=(18, 20, 14), volume=marked(), compressor="none"
    )
    np.testing.assert_array_equal(read_volume(path)[0], marked())
    chunk_files(path)[1].unlink()
    with pytest.raises(ValueError, match="1 of 2 chunks are missing"):
        open_volume(path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"serializer": zarr.codecs.BytesCodec(endian="big")},
        {"filters": zarr.codecs.TransposeCodec(order=(2, 1, 0))},
        {"shards": (18, 20, 28)},
        {"compressors": zarr.codecs.ZstdCodec()},
        {"dtype": np.int16},
    ],
    ids=["plain", "big-endian", "transposed", "sharded", "compressed", "integers"],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_however_chunks_are_stored_the_voxels_are_those_that_zarr_reads(
    tmp_path, options, sparse
):
    options = {"dtype": np.float32, "compressors": None} | options
    array = zarr.create_array(
        tmp_path / "v.zarr",
        shape=(17, 19, 25),
        chunks=CHUNKS,
        fill_value=777,
        **options,
    )
    if not sparse:
        array[...] = np.random.default_rng(0).integers(-99, 99, array.shape)
    array[9:, :10, 14:] = 5
    found, _, _ = read_volume(tmp_path / "v.zarr", 10.0, may_be_sparse=True)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array[...])
    assert (found == 777).any() == sparse


def test_a_failing_disk_is_not_a_damaged_volume(tmp_path, monkeypatch):
    path = tmp_path / "v.zarr"
    write_volume(path, marked(), 10.0, {})

    def broken(file):
        raise OSError(errno.EIO, "Input/output error", str(file))

    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(OSError, match="Input/output error"):
        read_volume(path)


@pytest.mark.parametrize("chunks", [[0, 0, 0], [16, 0, 20], [16, 18], [16, 18, 20, 1]])
def test_impossible_chunks_are_damaged_metadata(tmp_path, chunks):
    path = version_2(tmp_path / "a.zarr", chunks=chunks)
    with pytest.raises(ValueError, match=r"a\.zarr .*copy it again"):
        read_tomogram(path, "a", 10.0)


def test_a_chunk_much_larger_than_its_array_is_refused(tmp_path):
    path = version_2(tmp_path / "a.zarr", b"x", chunks=[5000] * 3)
    match = r"announces chunks of \(5000, 5000, 5000\) for \(16, 18, 20\) voxels"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)
