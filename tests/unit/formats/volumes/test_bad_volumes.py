"""Damaged volumes give one clear error that names the file, and nothing worse."""

from __future__ import annotations

import errno
import json
import math
import shutil
from pathlib import Path

import mrcfile
import numcodecs
import numpy as np
import pytest
import zarr

from picker.formats.volumes import mrc, ome_zarr
from picker.formats.volumes.read import read_mask, read_tomogram

SHAPE = (18, 20, 28)
CHUNKS = (9, 10, 14)
CODECS = {
    2: {
        "none": None,
        "blosc": numcodecs.Blosc(),
        "zstd": numcodecs.Zstd(),
        "gzip": numcodecs.GZip(),
        "zlib": numcodecs.Zlib(),
        "lz4": numcodecs.LZ4(),
        "bz2": numcodecs.BZ2(),
        "lzma": numcodecs.LZMA(),
    },
    3: {
        "none": None,
        "blosc": zarr.codecs.BloscCodec(),
        "zstd": zarr.codecs.ZstdCodec(),
        "zstd and checksum": zarr.codecs.ZstdCodec(checksum=True),
        "gzip": zarr.codecs.GzipCodec(),
    },
}


STORES = [(version, codec) for version, codecs in CODECS.items() for codec in codecs]


def marked():
    return np.arange(math.prod(SHAPE), dtype=np.float32).reshape(SHAPE) + 1


def write_store(path, version=2, codec="blosc", volume=None, scale=10.0, **keywords):
    """Write an OME-Zarr volume of either version through any codec."""
    volume = marked() if volume is None else volume
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    array = group.create_array(
        "0",
        shape=volume.shape,
        dtype=volume.dtype,
        chunks=CHUNKS,
        compressors=CODECS[version][codec],
        **keywords,
    )
    array[...] = volume
    step = {"type": "scale", "scale": [scale] * 3}
    multiscale = {
        "axes": [{"name": a, "type": "space", "unit": "angstrom"} for a in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": [step]}],
    }
    if version == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


def is_metadata(file):
    return file.name.startswith((".z", "zarr.json"))


def chunk_files(path):
    files = (path / "0").rglob("*")
    return sorted(f for f in files if f.is_file() and not is_metadata(f))


def change_array(path, **changes):
    """Change what the metadata of a version 2 array say."""
    file = path / "0" / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def change_image(path, change):
    """Apply `change` to the metadata of the image of a version 2 store."""
    file = path / ".zattrs"
    content = json.loads(file.read_text())
    change(content["multiscales"][0])
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(("version", "codec"), STORES)
def test_every_codec_is_read_with_chunks_past_the_end(tmp_path, version, codec):
    volume = np.ones((19, 21, 29), np.float32)
    volume[18, 20, 28] = 2
    path = write_store(tmp_path / "a.zarr", version, codec, volume)
    np.testing.assert_array_equal(ome_zarr.read_volume(path)[0], volume)


@pytest.mark.parametrize("kept", [0, 3, 0.5, -1])
@pytest.mark.parametrize(("version", "codec"), STORES)
def test_a_truncated_chunk_is_refused(tmp_path, version, codec, kept):
    path = write_store(tmp_path / "a.zarr", version, codec)
    file = chunk_files(path)[5]
    raw = file.read_bytes()
    file.write_bytes(raw[: int(len(raw) * kept) if kept == 0.5 else kept])
    with pytest.raises(ValueError, match=r"a\.zarr.*(damaged|decoded).*copy it again"):
        ome_zarr.read_volume(path)


@pytest.mark.parametrize(
    ("version", "codec"),
    [(v, c) for v, c in STORES if c in ("none", "blosc", "zstd", "gzip", "lz4")],
)
def test_a_chunk_of_another_size_is_seen_before_it_is_decoded(tmp_path, version, codec):
    """A chunk that decodes to more than it should would fill the memory."""
    path = write_store(tmp_path / "a.zarr", version, codec)
    large = np.zeros((36, 40, 56), np.float32)
    other = tmp_path / "b.zarr"
    array = zarr.create_array(
        other,
        shape=large.shape,
        dtype="f4",
        chunks=large.shape,
        compressors=CODECS[version][codec],
        zarr_format=version,
        config={"write_empty_chunks": True},
    )
    array[...] = large
    (bomb,) = [f for f in other.rglob("*") if f.is_file() and not is_metadata(f)]
    file = chunk_files(path)[2]
    shutil.copy(bomb, file)
    match = (
        rf"chunk .*{file.name} is damaged: .*5040.*{4 * large.size}|{4 * large.size}"
    )
    with pytest.raises(ValueError, match=match):
        ome_zarr.open_volume(path)


@pytest.mark.parametrize(("version", "codec"), STORES)
def test_a_missing_chunk_is_noticed(tmp_path, version, codec):
    path = write_store(tmp_path / "a.zarr", version, codec)
    chunk_files(path)[7].unlink()
    with pytest.raises(ValueError, match=r"1 of 8 chunks are missing .*copy it again"):
        ome_zarr.open_volume(path)


@pytest.mark.parametrize(("version", "codec"), STORES)
def test_a_missing_chunk_of_a_mask_is_empty(tmp_path, version, codec):
    """Zarr leaves out chunks that are the fill value in every voxel."""
    volume = np.zeros(SHAPE, np.float32)
    volume[3:9, 5:9, 7:30] = 1
    path = write_store(tmp_path / "a.zarr", version, codec, volume)
    assert len(chunk_files(path)) == 2  # of 8
    np.testing.assert_array_equal(read_mask(path, SHAPE), volume > 0)
    with pytest.raises(ValueError, match="6 of 8 chunks are missing"):
        read_tomogram(path, "a")


def test_the_fill_value_of_a_mask_may_be_inside(tmp_path):
    path = write_store(tmp_path / "a.zarr", 3, "zstd", fill_value=1.0)
    first = chunk_files(path)[0]
    for file in chunk_files(path)[1:]:
        file.unlink()
    assert read_mask(path, SHAPE).all()
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"a\.zarr.*(damaged|decoded).*copy it again"):
        read_mask(path, SHAPE)


def test_the_search_for_missing_chunks_of_a_mask_ends(tmp_path):
    path = write_store(tmp_path / "a.zarr")
    change_array(path, shape=[90_000] * 3, chunks=[1] * 3)
    with pytest.raises(ValueError, match=f"announces {90_000**3} chunks; expected"):
        read_mask(path)


def test_missing_chunks_are_not_counted_for_ever(tmp_path):
    path = write_store(tmp_path / "a.zarr")
    for file in chunk_files(path):
        file.unlink()
    change_array(path, shape=[90_000] * 3, chunks=[1] * 3)
    match = f"1000 or more of {90_000**3} chunks are missing"
    with pytest.raises(ValueError, match=match):
        ome_zarr.open_volume(path)


def test_a_shape_that_cannot_be_true_is_refused(tmp_path):
    path = write_store(tmp_path / "a.zarr")
    change_array(path, shape=[18, 20, 10**12], chunks=[18, 20, 10**12])
    with pytest.raises(ValueError, match="expected at most 100000 along each axis"):
        ome_zarr.open_volume(path)


def test_a_volume_beyond_the_memory_is_refused(tmp_path):
    """One chunk, whose codec does not say how large it becomes."""
    path = write_store(tmp_path / "a.zarr", codec="bz2")
    change_array(path, shape=[99_999] * 3, chunks=[99_999] * 3)
    with pytest.raises(ValueError, match=r"voxels \(z, y, x\), 4e\+06 GB in mem"):
        ome_zarr.read_volume(path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: m["datasets"].clear(), "datasets"),
        (lambda m: m["datasets"][0].update(path=0), r"datasets\.0\.path"),
        (lambda m: m["datasets"][0].update(path="a" * 5000), r"datasets\.0\.path"),
        (lambda m: m.update(axes=3), "axes"),
        (
            lambda m: m["datasets"][0]["coordinateTransformations"][0].update(scale=3),
            "scale",
        ),
    ],
)
def test_metadata_of_a_wrong_type_are_refused(tmp_path, change, match):
    path = write_store(tmp_path / "a.zarr")
    change_image(path, change)
    with pytest.raises(ValueError, match=rf"a\.zarr has no OME-Zarr metadata.*{match}"):
        ome_zarr.open_volume(path)


@pytest.mark.parametrize("change", [{"dtype": 3}, {"shape": "x"}, {"chunks": None}])
def test_metadata_of_an_array_that_make_no_sense_are_refused(tmp_path, change):
    path = write_store(tmp_path / "a.zarr")
    change_array(path, **change)
    with pytest.raises(
        ValueError, match=r"metadata of .*a\.zarr cannot be read .*copy"
    ):
        ome_zarr.open_volume(path)


def test_attributes_that_are_no_object_are_refused(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(16, 18, 20), dtype="f4", zarr_format=3)
    metadata = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps(metadata | {"attributes": 5}))
    with pytest.raises(ValueError, match=r"metadata of .*a\.zarr cannot be read"):
        ome_zarr.open_volume(path, 10.0)


@pytest.mark.parametrize("name", [".zattrs", "0/.zarray", ".zmetadata"])
def test_metadata_that_would_fill_the_memory_are_not_parsed(tmp_path, name):
    path = write_store(tmp_path / "a.zarr", version=2)
    with (path / name).open("wb") as file:
        file.truncate(10_000_001)
    match = rf"{name} has 10000001 bytes; expected Zarr metadata, of 10000000 at most"
    with pytest.raises(ValueError, match=match):
        ome_zarr.open_volume(path)


def test_null_is_read_as_a_missing_field(tmp_path):
    path = write_store(tmp_path / "a.zarr")
    change_image(path, lambda m: m.update(coordinateTransformations=None))
    assert ome_zarr.open_volume(path)[1] == 10
    change_image(path, lambda m: m["axes"][0].update(unit=None))
    with pytest.raises(ValueError, match="an axis whose unit is missing"):
        ome_zarr.open_volume(path)


def test_a_disk_that_fails_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch):
    """It may answer next time, so the tomogram is tried again."""
    path = write_store(tmp_path / "a.zarr")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Input/output error"):
        ome_zarr.read_volume(path)


@pytest.mark.parametrize("kind", ["mrc", "zarr"])
@pytest.mark.parametrize(
    ("voxel_size", "match"),
    [
        (0.0, "0 x 0 x 0 Å, expected more than 0"),
        (-10.0, "-10 x -10 x -10 Å, expected more than 0"),
        (1.0, r"exactly 1\.0 Å"),
        (1e-9, r"1e-09 x .* Å, expected 0\.1 to 1000 Å: in another unit\?"),
        (10012.0, r"10012 x .* Å, expected 0\.1 to 1000 Å: in another unit\?"),
    ],
)
def test_voxel_sizes_that_cannot_be_believed_must_be_set(
    tmp_path, kind, voxel_size, match
):
    path = tmp_path / f"TS_01.{kind}"
    if kind == "mrc":
        mrc.write_volume(path, marked(), 10.0)
        with mrcfile.open(path, "r+") as file:
            for axis in "xyz":
                file.header.cella[axis] = voxel_size * file.header[f"m{axis}"]
    else:
        write_store(path, scale=voxel_size)
    match = rf"voxel_size of .*TS_01\.{kind} is {match}.*; set voxel_size in the table"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "TS_01")
    assert read_tomogram(path, "TS_01", 7.84)[0].voxel_size == 7.84


@pytest.mark.parametrize("kind", ["mrc", "zarr"])
def test_a_reconstruction_that_was_not_rotated_is_a_warning(tmp_path, kind):
    path = tmp_path / f"TS_01.{kind}"
    volume = marked().transpose(1, 0, 2)
    if kind == "mrc":
        mrc.write_volume(path, volume, 10.0)
    else:
        ome_zarr.write_volume(path, volume, 10.0, {})
    tomogram, (warning,) = read_tomogram(path, "TS_01")
    assert tomogram.shape_zyx == (20, 18, 28)
    assert f"{path}: z is not the thinnest axis (x 28, y 18, z 20); if" in warning


@pytest.mark.parametrize("dtype", ["bool", "c8", "U3"])
def test_voxels_that_are_no_numbers_are_refused(tmp_path, dtype):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=SHAPE, dtype=dtype, chunks=SHAPE, zarr_format=2
    )
    array[...] = np.ones(SHAPE, dtype)
    with pytest.raises(ValueError, match=r"a\.zarr holds .*; expected real numbers"):
        read_tomogram(tmp_path / "a.zarr", "a", 10.0)


def test_a_mask_of_truth_values_is_read(tmp_path):
    volume = np.zeros(SHAPE, bool)
    volume[3, 5, 7] = True
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=SHAPE,
        dtype="bool",
        chunks=CHUNKS,
        zarr_format=2,
        config={"write_empty_chunks": True},
    )
    array[...] = volume
    np.testing.assert_array_equal(read_mask(tmp_path / "a.zarr", SHAPE), volume)
