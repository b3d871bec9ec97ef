import errno
import json
import pickle
import shutil
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr

from picker.formats.volumes.ome_zarr import (
    is_zarr,
    open_volume,
    read_attributes,
    read_volume,
    write_volume,
)
from picker.formats.volumes.read import read_geometry as volume_geometry
from picker.formats.volumes.read import read_mask, read_tomogram
from picker.training.chunks import ChunkCache

SHAPE = (18, 20, 28)
CHUNKS = (9, 10, 14)


def marked():
    return np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) + 1


def store(
    path,
    version=2,
    unit="angstrom",
    scale=(10.012, 10.012, 10.012),
    axes="zyx",
    volume=None,
    compressor="blosc",
    **keywords,
):
    """Write a store as other programs do, with any metadata."""
    volume = marked() if volume is None else volume
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    if version == 2:
        codec = numcodecs.Blosc() if compressor == "blosc" else None
    else:
        codec = zarr.codecs.BloscCodec() if compressor == "blosc" else None
    array = group.create_array(
        "0",
        shape=volume.shape,
        dtype=volume.dtype,
        chunks=(1,) * (volume.ndim - 3) + CHUNKS,
        compressors=codec,
        **keywords,
    )
    array[...] = volume
    named = [
        {"name": n, "type": "space", **({"unit": unit} if unit else {})}
        if n in "zyx"
        else {"name": n}
        for n in axes
    ]
    steps = [{"type": "scale", "scale": list(scale)}] if scale else []
    multiscale = {
        "axes": named,
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
    }
    if version == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


def chunk_files(path):
    """Return the files of the array's chunks, in a fixed order."""
    return sorted(
        file
        for file in (path / "0").rglob("*")
        if file.is_file() and not file.name.startswith((".z", "zarr.json"))
    )


def change_metadata(path, change):
    """Apply `change` to the OME metadata of a version 2 store."""
    file = path / ".zattrs"
    content = json.loads(file.read_text())
    change(content["multiscales"][0])
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("unit", "step"),
    [("angstrom", 10.012), ("nanometer", 1.0012), ("picometer", 1001.2)],
)
def test_both_versions_and_all_units(tmp_path, version, unit, step):
    path = store(tmp_path / "a.zarr", version, unit, (step,) * 3)
    lazy, size, warnings = open_volume(path)
    assert size == pytest.approx(10.012, abs=1e-5)
    assert warnings == []
    assert lazy.shape == SHAPE
    np.testing.assert_array_equal(lazy[...], marked())
    np.testing.assert_array_equal(read_volume(path)[0], marked())


def test_the_scale_counts_and_not_the_folder(tmp_path):
    path = store(tmp_path / "VoxelSpacing10.000" / "denoised.zarr")
    assert open_volume(path)[1] == 10.012


def test_scales_of_group_and_dataset_are_multiplied(tmp_path):
    path = store(tmp_path / "a.zarr", scale=(2.0, 2.0, 2.0))
    whole = [{"type": "scale", "scale": [5.006] * 3}]
    change_metadata(path, lambda m: m.update(coordinateTransformations=whole))
    assert open_volume(path)[1] == pytest.approx(10.012)


def test_the_first_dataset_is_the_finest(tmp_path):
    path = store(tmp_path / "a.zarr")
    coarse = {
        "path": "1",
        "coordinateTransformations": [{"type": "scale", "scale": [20.0] * 3}],
    }
    change_metadata(path, lambda m: m["datasets"].append(coarse))
    lazy, size, _ = open_volume(path)
    assert (lazy.shape, size) == (SHAPE, 10.012)


def test_a_translation_is_ignored_and_said(tmp_path):
    path = store(tmp_path / "a.zarr")
    step = {"type": "translation", "translation": [5.0, 0.0, 0.0]}
    change_metadata(
        path, lambda m: m["datasets"][0]["coordinateTransformations"].append(step)
    )
    _, size, warnings = open_volume(path)
    assert size == 10.012
    assert "its translation [5.0, 0.0, 0.0] is ignored" in warnings[0]


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


def test_a_folder_without_metadata_is_refused(tmp_path):
    assert not is_zarr(tmp_path)
    with pytest.raises(ValueError, match=r"is not a Zarr folder: expected zarr.json"):
        open_volume(tmp_path)


def test_missing_attributes_are_refused(tmp_path):
    path = store(tmp_path / "a.zarr")
    (path / ".zattrs").unlink()
    with pytest.raises(ValueError, match=r"a\.zarr has no OME-Zarr metadata"):
        open_volume(path)


@pytest.mark.parametrize("name", [".zattrs", ".zgroup"])
def test_damaged_metadata_are_refused(tmp_path, name):
    path = store(tmp_path / "a.zarr")
    (path / name).write_text('{"multiscales": [')
    with pytest.raises(ValueError, match=r"a\.zarr cannot be read .*copy it again"):
        open_volume(path)


def test_a_missing_dataset_is_refused(tmp_path):
    path = store(tmp_path / "a.zarr")
    shutil.rmtree(path / "0")
    with pytest.raises(ValueError, match="names dataset 0, which is missing"):
        open_volume(path)


@pytest.mark.parametrize("version", [2, 3])
def test_a_missing_scale_must_be_set(tmp_path, version):
    path = store(tmp_path / "a.zarr", version, scale=None)
    with pytest.raises(ValueError, match=r"a\.zarr is missing; set voxel_size"):
        open_volume(path)
    assert open_volume(path, 10.0)[1] == 10.0


@pytest.mark.parametrize(
    ("unit", "shown"), [(None, "missing"), ("parsec", "parsec"), ("second", "second")]
)
def test_units_that_do_not_convert_must_be_set(tmp_path, unit, shown):
    path = store(tmp_path / "a.zarr", unit=unit)
    with pytest.raises(ValueError, match=f"unit is {shown}; expected angstrom, nanom"):
        open_volume(path)
    assert open_volume(path, 10.0)[1:] == (10.0, [])


@pytest.mark.parametrize(
    ("scale", "match"),
    [
        ((1.0, 1.0, 1.0), "exactly 1.0 Å"),
        ((0.0, 0.0, 0.0), "expected more than 0"),
        ((20.0, 10.0, 10.0), "20 x 10 x 10 Å, expected the same along each axis"),
    ],
)
def test_scales_that_cannot_be_true_are_refused(tmp_path, scale, match):
    with pytest.raises(ValueError, match=match):
        open_volume(store(tmp_path / "a.zarr", scale=scale))


@pytest.mark.parametrize("axes", ["xyz", "zxy", "cyx"])
def test_wrong_axes_are_refused(tmp_path, axes):
    with pytest.raises(
        ValueError, match=rf"has axes {', '.join(axes)} of lengths .*; expected z, y, x"
    ):
        open_volume(store(tmp_path / "a.zarr", axes=axes))


def test_four_axes_are_refused_unless_the_first_has_length_one(tmp_path):
    scale = (1.0, 10.0, 10.0, 10.0)
    two = np.stack([marked(), marked()])
    path = store(tmp_path / "two.zarr", axes="czyx", volume=two, scale=scale)
    with pytest.raises(ValueError, match=r"two\.zarr has axes c, z, y, x of lengths"):
        read_volume(path)
    path = store(tmp_path / "one.zarr", axes="czyx", volume=two[:1], scale=scale)
    found, size, _ = read_volume(path)
    assert size == 10
    np.testing.assert_array_equal(found, marked())
    with pytest.raises(ValueError, match=r"has shape \(1, 18, 20, 28\); expected z, y"):
        open_volume(path)
    with pytest.raises(ValueError, match="is a Zarr array of shape"):
        open_volume(path / "0", 10.0)


@pytest.mark.parametrize(
    ("axes", "scale"), [("czyx", (1, 10, 10, 10)), ("tczyx", (1, 1, 10, 10, 10))]
)
def test_an_image_with_one_channel_has_the_geometry_of_its_volume(
    tmp_path, axes, scale
):
    volume = marked().reshape((1,) * (len(axes) - 3) + SHAPE)
    path = tmp_path / "a.zarr"
    store(path, axes=axes, volume=volume, scale=scale, version=3)
    assert volume_geometry(path) == (SHAPE, 10.0, [])
    np.testing.assert_array_equal(read_volume(path)[0], marked())
    two = np.concatenate([volume, volume])
    store(path, axes=axes, volume=two, scale=scale, version=3)
    for reader in (volume_geometry, lambda path: read_tomogram(path, "a")):
        with pytest.raises(ValueError, match="at most with c and t of length 1 before"):
            reader(path)


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


def test_a_chunk_that_goes_while_a_volume_is_open_does_not_read_as_zeros(tmp_path):
    path = tmp_path / "a.zarr"
    volume = np.ones((100, 70, 40), np.float16)
    write_volume(path, volume, 10.0, {})
    lazy, _, _ = open_volume(path)
    lazy = pickle.loads(pickle.dumps(lazy))  # as loading processes get it
    chunk_files(path)[2].unlink()
    assert lazy[:64].all()
    match = r"chunk .*a\.zarr/0/c/1/0/0 is missing, which was there"
    with pytest.raises(ValueError, match=match):
        lazy[60:70, :5, :5]
    with pytest.raises(ValueError, match=match):
        ChunkCache(2**20).box(lazy, np.array([60, 0, 0]), (8, 8, 8))


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


def test_attributes_of_other_programs_are_empty_and_a_missing_volume_is_said(tmp_path):
    assert read_attributes(store(tmp_path / "a.zarr", 3)) == {}
    with pytest.raises(FileNotFoundError):
        read_attributes(tmp_path / "none.zarr")


@pytest.mark.parametrize(
    "how",
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
    tmp_path, how, sparse
):
    how = {"dtype": np.float32, "compressors": None} | how
    array = zarr.create_array(
        tmp_path / "v.zarr", shape=(17, 19, 25), chunks=CHUNKS, fill_value=777, **how
    )
    if not sparse:
        array[...] = np.random.default_rng(0).integers(-99, 99, array.shape)
    array[9:, :10, 14:] = 5
    found, _, _ = read_volume(tmp_path / "v.zarr", 10.0, may_be_sparse=True)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array[...])
    assert (found == 777).any() == sparse


def test_an_error_of_the_disk_is_none_of_the_volume(tmp_path, monkeypatch):
    path = tmp_path / "v.zarr"
    write_volume(path, marked(), 10.0, {})

    def broken(file):
        raise OSError(errno.EIO, "Input/output error", str(file))

    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(OSError, match="Input/output error"):
        read_volume(path)
