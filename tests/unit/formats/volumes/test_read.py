import os

import mrcfile
import numpy as np
import pytest
import zarr

from picker.formats.volumes import mrc, ome_zarr
from picker.formats.volumes.files import check_dimensions
from picker.formats.volumes.read import (
    map_tomogram,
    read_geometry,
    read_mask,
    read_tomogram,
)
from tests.unit.formats.memory import little_memory

SHAPE = (18, 20, 28)


def marked():
    return np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)


def test_the_content_and_not_the_name_decides_the_format(tmp_path):
    mrc.write_volume(tmp_path / "one.rec", marked(), 10.012)
    ome_zarr.write_volume(tmp_path / "two.mrc", marked(), 10.012, {})
    for name in ("one.rec", "two.mrc"):
        tomogram, warnings = read_tomogram(tmp_path / name, "01")
        assert (tomogram.name, warnings) == ("01", [])
        assert tomogram.voxel_size == pytest.approx(10.012, abs=1e-5)
        assert tomogram.volume.dtype == np.float32
        assert tomogram.volume.flags["C_CONTIGUOUS"]
        np.testing.assert_array_equal(tomogram.volume, marked())


def test_a_set_voxel_size_wins(tmp_path):
    mrc.write_volume(tmp_path / "a.mrc", marked(), 1.0)
    with pytest.raises(ValueError, match=r"exactly 1.0 Å"):
        read_tomogram(tmp_path / "a.mrc", "a")
    assert read_tomogram(tmp_path / "a.mrc", "a", 7.84)[0].voxel_size == 7.84


@pytest.mark.parametrize(
    ("volume", "match"),
    [
        (np.full(SHAPE, 3, np.float32), r"a\.mrc is constant: every voxel is 3"),
        (marked()[:15], r"a\.mrc has shape \(15, 20, 28\).*at least 16 voxels"),
        (marked()[:, :, :3], r"shape \(18, 20, 3\)"),
    ],
)
def test_what_shows_nothing_is_refused(tmp_path, volume, match):
    mrc.write_volume(tmp_path / "a.mrc", volume, 10.0)
    with pytest.raises(ValueError, match=match):
        read_tomogram(tmp_path / "a.mrc", "a")


def test_voxels_that_are_not_finite_are_counted(tmp_path):
    volume = marked()
    volume[3, 5, 7], volume[4, 0, 0], volume[17, 19, 27] = np.nan, np.inf, -np.inf
    ome_zarr.write_volume(tmp_path / "a.zarr", volume, 10.0, {})
    match = rf"a\.zarr has 3 of {volume.size} voxels that are not finite"
    with pytest.raises(ValueError, match=match):
        read_tomogram(tmp_path / "a.zarr", "a")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("inside", ["", "/data"])
def test_a_plain_zarr_array_needs_a_voxel_size(tmp_path, version, inside):
    path = tmp_path / "a.zarr"
    if inside:
        zarr.create_group(path, zarr_format=version)
    array = zarr.create_array(
        f"{path}{inside}",
        shape=SHAPE,
        dtype="f4",
        chunks=(9, 20, 28),
        zarr_format=version,
        config={"write_empty_chunks": True},
    )
    array[...] = marked()
    tomogram, warnings = read_tomogram(path, "a", 7.5)
    np.testing.assert_array_equal(tomogram.volume, marked())
    assert (tomogram.voxel_size, warnings) == (7.5, [])
    assert read_geometry(path, 7.5) == (SHAPE, 7.5, [])
    with pytest.raises(ValueError, match=r"a\.zarr .*set voxel_size in the table"):
        read_tomogram(path, "a")


def test_which_array_of_a_group_must_be_clear(tmp_path):
    path = tmp_path / "a.zarr"
    for name in ("even", "odd"):
        zarr.create_array(f"{path}/{name}", shape=SHAPE, dtype="f4", chunks=SHAPE)
    zarr.create_group(path)
    with pytest.raises(ValueError, match=r"has no OME-Zarr metadata.*a single array"):
        read_tomogram(path, "a", 10.0)


def test_complex_voxels_are_refused(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=SHAPE, dtype="c8", chunks=SHAPE, zarr_format=3
    )
    array[...] = marked().astype(np.complex64)
    with pytest.raises(ValueError, match="holds complex64; expected real numbers"):
        read_tomogram(tmp_path / "a.zarr", "a", 10.0)


def test_a_missing_volume_and_a_foreign_folder_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mrc does not exist; fix"):
        read_tomogram(tmp_path / "none.mrc", "a")
    with pytest.raises(ValueError, match="is a folder without Zarr metadata"):
        read_tomogram(tmp_path, "a")


@pytest.mark.parametrize("kind", ["mrc", "zarr"])
def test_a_mask_is_where_values_are_above_0(tmp_path, kind):
    volume = np.zeros(SHAPE, np.float32)
    volume[3, 5, 7], volume[0, 0, 0] = 0.5, -1
    path = tmp_path / f"mask.{kind}"
    if kind == "mrc":
        mrc.write_volume(path, volume, 0.0)
    else:
        ome_zarr.write_volume(path, volume, 10.0, {})
    mask = read_mask(path, SHAPE)
    assert mask.dtype == bool
    assert np.argwhere(mask).tolist() == [[3, 5, 7]]


def test_a_mask_must_fit_and_keep_something(tmp_path):
    path = tmp_path / "mask.mrc"
    mrc.write_volume(path, marked(), 10.0)
    with pytest.raises(ValueError, match=r"mask\.mrc has shape .*\(18, 20, 29\)"):
        read_mask(path, (18, 20, 29))
    mrc.write_volume(path, np.zeros(SHAPE, np.float32), 10.0)
    with pytest.raises(ValueError, match=r"mask\.mrc is 0 everywhere"):
        read_mask(path)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint16"])
def test_a_tomogram_is_mapped_if_float32_holds_its_numbers(tmp_path, dtype):
    path = tmp_path / "a.mrc"
    mrc.write_volume(path, (marked() % 100).astype(dtype), 10.0)
    tomogram, warnings = map_tomogram(path, "a")
    in_memory, expected = read_tomogram(path, "a")
    assert tomogram.volume.dtype == dtype
    assert not tomogram.volume.flags.writeable  # the file itself
    assert in_memory.volume.dtype == np.float32
    np.testing.assert_array_equal(tomogram.volume, in_memory.volume)
    assert warnings == expected


@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_other_numbers_become_float32(tmp_path, dtype):
    array = zarr.create_array(tmp_path / "a.zarr", shape=SHAPE, dtype=dtype)
    array[...] = marked().astype(dtype)
    volume = map_tomogram(tmp_path / "a.zarr", "a", 10.0)[0].volume
    assert volume.dtype == np.float32
    np.testing.assert_array_equal(volume, marked())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_mapped_is_checked(tmp_path, value):
    mrc.write_volume(tmp_path / "a.mrc", marked(), 10.0)
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(-40, os.SEEK_END)
        file.write(np.array(value, "<f4").tobytes())
    mrc.write_volume(tmp_path / "b.mrc", np.full(SHAPE, 3, np.float32), 10.0)
    with pytest.raises(ValueError, match=r"a\.mrc has 1 of \d+ voxels that are"):
        map_tomogram(tmp_path / "a.mrc", "a")
    with pytest.raises(ValueError, match=r"b\.mrc is constant: every voxel is 3;"):
        map_tomogram(tmp_path / "b.mrc", "b")


def sparse_mrc(path, shape):
    """Write an MRC file of zeros that takes no room on the disk."""
    mrc.write_volume(path, np.zeros((1, 1, 1), np.float32), 10.0)
    z, y, x = shape
    with path.open("r+b") as file:
        file.write(np.array([x, y, z], "<i4").tobytes())
        file.seek(28)
        file.write(np.array([x, y, z], "<i4").tobytes())
        file.write(np.array([x, y, z], "<f4").tobytes())
        file.truncate(1024 + 4 * x * y * z)


def test_a_volume_larger_than_the_memory_is_named_with_its_size(tmp_path):
    path = tmp_path / "a.mrc"
    sparse_mrc(path, (60, 9000, 9000))
    size = 4 * 60 * 9000 * 9000
    message = r"a\.mrc has 60 x 9000 x 9000 voxels .*19.4 GB in memory, more than"
    for reader in (lambda: read_tomogram(path, "a", 10.0), lambda: read_mask(path)):
        # The file itself can be mapped; a tenth of it more is no room for a copy.
        with little_memory(size + size // 10):
            with pytest.raises(MemoryError, match=message):
                reader()
    assert read_geometry(path, 10.0)[0] == (60, 9000, 9000)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mrc")
    for reader in (read_geometry, read_mask, lambda path: read_tomogram(path, "a")):
        with pytest.raises(ValueError, match=r"a\.mrc is a pipe, a socket or a device"):
            reader(tmp_path / "a.mrc")


@pytest.mark.parametrize("inside", [".zattrs", ".zmetadata", "0/.zarray", "0/0.0.0"])
def test_a_pipe_in_a_zarr_folder_is_not_waited_for(tmp_path, inside):
    path = tmp_path / "a.zarr"
    group = zarr.create_group(path, zarr_format=2)
    array = group.create_array("0", shape=SHAPE, dtype="f4", chunks=SHAPE)
    array[...] = marked()
    (path / inside).unlink(missing_ok=True)
    os.mkfifo(path / inside)
    with pytest.raises(ValueError, match=r"is not a file; expected|chunks are missing"):
        read_tomogram(path, "a", 10.0)


def test_an_image_is_a_volume_of_one_slice(tmp_path):
    """Of the size along z programs write 0, as here, or anything."""
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(marked()[0])
        file.voxel_size = (0.66, 0.66, 0)
    tomogram, warnings = map_tomogram(tmp_path / "a.mrc", "a")
    assert (tomogram.shape_zyx, tomogram.voxel_size) == ((1, 20, 28), 0.66)
    assert tomogram.is_micrograph
    assert warnings == []
    np.testing.assert_array_equal(tomogram.volume[0], marked()[0])
    assert np.shares_memory(tomogram.volume, tomogram.volume.base)
    assert read_geometry(tmp_path / "a.mrc")[:2] == ((1, 20, 28), 0.66)
    mrc.write_volume(tmp_path / "b.mrc", marked()[:1, :12], 10.0)
    with pytest.raises(ValueError, match=r"shape \(1, 12, 28\).*or one slice"):
        map_tomogram(tmp_path / "b.mrc", "b")


@pytest.mark.parametrize(("num", "dimensions"), [(1, 3), (18, 2)])
def test_micrographs_and_tomograms_are_not_mixed(tmp_path, num, dimensions):
    check_dimensions(tmp_path, (num, 20, 28), 5 - dimensions)
    match = f"but tomograms.dimensions is {dimensions}; .*dimensions: {5 - dimensions}"
    with pytest.raises(ValueError, match=match):
        check_dimensions(tmp_path, (num, 20, 28), dimensions)
