import h5py
import numpy as np
import pytest
import zarr

from picker.formats.volumes.read import read_geometry, read_mask, read_tomogram
from tests.unit.formats.memory import little_memory

SHAPE = (18, 20, 28)


def marked():
    return np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)


def write_eman2(path, volume=None, apix=10.012, **keywords):
    """Write a volume as EMAN2 lays it out."""
    with h5py.File(path, "w") as file:
        image = file.create_group("MDF/images/0")
        for axis in "xyz":
            image.attrs[f"EMAN.apix_{axis}"] = np.float32(apix)
        image.create_dataset("image", data=marked() if volume is None else volume)
        if keywords:
            del image["image"]
            image.create_dataset("image", data=marked(), **keywords)
    return path


@pytest.mark.parametrize("keywords", [{}, {"compression": "gzip", "chunks": (9, 9, 9)}])
def test_what_eman2_writes_is_read_with_its_voxel_size(tmp_path, keywords):
    path = write_eman2(tmp_path / "a.hdf", **keywords)
    tomogram, warnings = read_tomogram(path, "a")
    np.testing.assert_array_equal(tomogram.volume, marked())
    assert (tomogram.voxel_size, warnings) == (10.012, [])
    assert read_geometry(path)[:2] == (SHAPE, 10.012)


def test_a_voxel_size_of_1_is_not_believed(tmp_path):
    path = write_eman2(tmp_path / "a.hdf", apix=1.0)
    with pytest.raises(ValueError, match=r"a\.hdf is exactly 1.0 Å"):
        read_tomogram(path, "a")


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = write_eman2(tmp_path / "a.hdf")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(kept * len(raw))])
    with pytest.raises(ValueError, match=r"a\.hdf cannot be read as HDF5.*copy it"):
        read_tomogram(path, "a")


def test_complex_voxels_are_refused(tmp_path):
    path = write_eman2(tmp_path / "a.hdf", marked().astype(np.complex64))
    with pytest.raises(ValueError, match="holds complex64; expected real numbers"):
        read_tomogram(path, "a")


@pytest.mark.parametrize("shape", [(20, 28), (2, 18, 20, 28)])
def test_an_image_that_is_no_volume_is_named(tmp_path, shape):
    path = write_eman2(tmp_path / "a.hdf", np.zeros(shape, np.float32))
    with pytest.raises(
        ValueError, match=r"a\.hdf has shape .*expected a volume with th"
    ):
        read_geometry(path)


def test_an_unknown_number_format_is_damage(tmp_path):
    path = write_eman2(tmp_path / "a.hdf")
    # offset, precision, exponent, mantissa and bias of IEEE's float32
    ieee = bytes([0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0])
    raw = path.read_bytes()
    assert ieee in raw
    path.write_bytes(raw.replace(ieee, ieee[:-4] + bytes([127, 0, 1, 0])))
    with pytest.raises(ValueError, match=r"a\.hdf cannot be read as HDF5 \(Insuff"):
        read_tomogram(path, "a")


def test_what_was_left_out_on_purpose_can_be_accepted(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("v", SHAPE, np.float32, chunks=(9, 20, 28))
        dataset[:9] = marked()[:9]
    match = "if that is meant, set tomograms.missing_chunks: fill .*--missing-chunks f"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)
    tomogram, _ = read_tomogram(path, "a", 10.0, may_be_sparse=True)
    np.testing.assert_array_equal(tomogram.volume[:9], marked()[:9])
    assert not tomogram.volume[9:].any()
    assert read_geometry(path, 10.0, may_be_sparse=True)[0] == SHAPE


def test_a_mask_of_another_shape_is_not_read(tmp_path):
    """A file of a few kB can have any number of voxels of its fill value."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (1000, 1000, 1000), "u1", chunks=(100, 100, 100))
    store = zarr.create_array(
        tmp_path / "a.zarr", shape=(1000,) * 3, chunks=(100,) * 3, dtype="u1"
    )
    assert store.nchunks_initialized == 0
    for mask in (path, tmp_path / "a.zarr"):
        match = rf"^mask {mask} has shape \(1000, 1000, 1000\) \(z, y, x\); expected"
        with little_memory(2**27), pytest.raises(ValueError, match=match):
            read_mask(mask, SHAPE)


def test_a_mask_of_complex_numbers_is_refused(tmp_path):
    path = write_eman2(tmp_path / "a.hdf", marked().astype(np.complex64))
    with pytest.raises(ValueError, match=r"mask .* holds complex64; expected"):
        read_mask(path, SHAPE)


def test_an_attribute_without_a_value_is_damage(tmp_path):
    path = write_eman2(tmp_path / "a.hdf")
    with h5py.File(path, "r+") as file:
        file["MDF/images/0"].attrs["EMAN.apix_x"] = np.zeros(0)
    with pytest.raises(ValueError, match=r"a\.hdf cannot be read as HDF5 \(index 0 is"):
        read_tomogram(path, "a")


def test_a_volume_that_no_memory_holds_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (90_000,) * 3, "f4", chunks=(900, 900, 900))
    match = r"a\.h5 has 90000 x 90000 x 90000 voxels .*2.92e\+06 GB in memory"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0, may_be_sparse=True)
