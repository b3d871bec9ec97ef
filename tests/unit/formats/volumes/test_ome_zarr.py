import json
import shutil

import numpy as np
import pytest
import zarr

from picker.formats.volumes.ome_zarr import (
    open_volume,
    read_attributes,
    read_volume,
    write_volume,
)
from picker.formats.volumes.read import read_geometry as volume_geometry
from tests.unit.formats.volumes.zarr_stores import SHAPE, change_metadata, marked, store


def test_the_first_dataset_is_the_finest(tmp_path):
    path = store(tmp_path / "a.zarr")
    coarse = {
        "path": "1",
        "coordinateTransformations": [{"type": "scale", "scale": [20.0] * 3}],
    }
    change_metadata(path, lambda m: m["datasets"].append(coarse))
    lazy, size, _ = open_volume(path)
    assert (lazy.shape, size) == (SHAPE, 10.012)


@pytest.mark.parametrize("compressor", ["none", "zstd"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_round_trip_and_replacement(tmp_path, compressor, dtype):
    path = tmp_path / "TS_01.zarr"
    write_volume(path, np.ones((16, 17, 19), dtype), 8.0, {"old": 1})
    volume = np.zeros(SHAPE, dtype)
    volume[3, 5, 7] = 2.5
    write_volume(path, volume, 10.012, {"source": "TS_01.mrc"}, compressor)
    lazy, size, warnings = open_volume(path)
    assert (lazy.dtype, size, warnings) == (dtype, 10.012, [])
    np.testing.assert_array_equal(lazy[...], volume)
    assert read_attributes(path) == {"source": "TS_01.mrc"}
    assert [p.name for p in tmp_path.iterdir()] == ["TS_01.zarr"]


@pytest.mark.parametrize("compressor", ["none", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "float16", ">f4"])
def test_chunks_are_the_bytes_that_zarr_itself_writes(tmp_path, compressor, dtype):
    volume = np.random.default_rng(0).normal(9, 2, (65, 70, 130)).astype(dtype)
    volume[:, :, 64:128] = 0  # chunks of zeros are written too
    write_volume(tmp_path / "a.zarr", volume, 8.0, {}, compressor)
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "b.zarr")
    shutil.rmtree(tmp_path / "b.zarr" / "0" / "c")
    array = zarr.open(tmp_path / "b.zarr")["0"]
    array.with_config({"write_empty_chunks": True})[...] = volume
    ours, zarrs = (
        {p.relative_to(top): p.read_bytes() for p in top.rglob("*") if p.is_file()}
        for top in (tmp_path / "a.zarr", tmp_path / "b.zarr")
    )
    assert len(ours) == 2 + 2 * 2 * 3
    assert ours == zarrs


def test_what_is_written_is_ome_zarr_0_5(tmp_path):
    write_volume(tmp_path / "a.zarr", marked(), 10.012, {})
    attributes = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    ome = attributes["attributes"]["ome"]
    assert ome["version"] == "0.5"
    multiscale = ome["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in multiscale["axes"]} == {"angstrom"}
    assert multiscale["datasets"] == [
        {
            "path": "0",
            "coordinateTransformations": [{"type": "scale", "scale": [10.012] * 3}],
        }
    ]


def test_a_failed_write_leaves_the_old_volume(tmp_path):
    path = tmp_path / "a.zarr"
    write_volume(path, marked(), 10.0, {"is": "old"})
    with pytest.raises(TypeError):
        write_volume(path, marked() * 2, 10.0, {"not json": object()})
    np.testing.assert_array_equal(open_volume(path)[0][...], marked())
    assert read_attributes(path) == {"is": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_array_needs_a_voxel_size(tmp_path, version):
    array = store(tmp_path / "a.zarr", version) / "0"
    with pytest.raises(ValueError, match=r"voxel_size of .* is missing; set voxel_"):
        open_volume(array)
    lazy, size, _ = open_volume(array, 7.84)
    assert size == 7.84
    np.testing.assert_array_equal(lazy[...], marked())


def test_missing_attributes_are_refused(tmp_path):
    path = store(tmp_path / "a.zarr")
    (path / ".zattrs").unlink()
    with pytest.raises(ValueError, match=r"a\.zarr has no OME-Zarr metadata"):
        open_volume(path)


def test_a_missing_dataset_is_refused(tmp_path):
    path = store(tmp_path / "a.zarr")
    shutil.rmtree(path / "0")
    with pytest.raises(ValueError, match="names dataset 0, which is missing"):
        open_volume(path)


@pytest.mark.parametrize("version", [2, 3])
def test_the_only_image_of_a_collection_is_read(tmp_path, version):
    path = tmp_path / "a.zarr"
    group = zarr.create_group(path, zarr_format=version)
    layout = {"bioformats2raw.layout": 3}
    group.attrs.update(
        layout if version == 2 else {"ome": {"version": "0.5", **layout}}
    )
    group.create_group("OME")
    store(path / "0", version)
    np.testing.assert_array_equal(read_volume(path)[0], marked())
    assert volume_geometry(path)[:2] == (SHAPE, 10.012)
    store(path / "1", version)
    store(path / "10", version)
    match = rf"a\.zarr is a collection of 3 images, .*\(0, 1, 10\).*such as {path}/0$"
    for reader in (volume_geometry, read_volume):
        with pytest.raises(ValueError, match=match):
            reader(path)
    np.testing.assert_array_equal(read_volume(path / "1")[0], marked())


def test_attributes_of_others_are_empty_and_a_missing_volume_is_an_error(tmp_path):
    assert read_attributes(store(tmp_path / "a.zarr", 3)) == {}
    with pytest.raises(FileNotFoundError):
        read_attributes(tmp_path / "none.zarr")
