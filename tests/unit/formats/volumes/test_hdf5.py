import math
import time
import zlib

import h5py
import numpy as np
import pytest
import zarr

from picker.formats.volumes import hdf5
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


def test_the_only_volume_of_another_file_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["some/where"] = marked()
        file["numbers"] = np.arange(3)
    match = r"voxel_size of .*a\.h5 is missing; set voxel_size"
    with pytest.raises(ValueError, match=match):
        read_tomogram(tmp_path / "a.h5", "a")
    tomogram, _ = read_tomogram(tmp_path / "a.h5", "a", 7.5)
    np.testing.assert_array_equal(tomogram.volume, marked())


def test_a_voxel_size_of_1_is_not_believed(tmp_path):
    path = write_eman2(tmp_path / "a.hdf", apix=1.0)
    with pytest.raises(ValueError, match=r"a\.hdf is exactly 1.0 Å"):
        read_tomogram(path, "a")


def test_which_volume_must_be_clear(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["even"], file["odd"] = marked(), marked()
    match = r"a\.h5 has 2 three-dimensional datasets \(/even, /odd\); expected one"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)
    with h5py.File(path, "w") as file:
        file["image"] = marked()[0]
    with pytest.raises(ValueError, match=r"has 0 three-dimensional datasets \(none\)"):
        read_tomogram(path, "a", 10.0)


def test_a_stack_is_refused(tmp_path):
    path = write_eman2(tmp_path / "a.hdf")
    with h5py.File(path, "r+") as file:
        file.copy("MDF/images/0", "MDF/images/1")
    with pytest.raises(ValueError, match=r"holds 2 images of EMAN2.*expected one"):
        read_tomogram(path, "a")


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = write_eman2(tmp_path / "a.hdf")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(kept * len(raw))])
    with pytest.raises(ValueError, match=r"a\.hdf cannot be read as HDF5.*copy it"):
        read_tomogram(path, "a")


@pytest.mark.parametrize(
    ("chunks", "what"),
    [(None, "40320 of 40320 bytes"), ((9, 20, 28), "1 of 2 chunks")],
)
def test_what_was_never_written_does_not_read_as_zeros(tmp_path, chunks, what):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("v", SHAPE, np.float32, chunks=chunks)
        if chunks:
            dataset[:9] = marked()[:9]
    with pytest.raises(ValueError, match=f"{what} of /v were never written"):
        read_tomogram(path, "a", 10.0)


def test_what_was_never_written_of_a_mask_is_empty(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("v", SHAPE, np.uint8, chunks=(9, 20, 28))
        dataset[3] = 1
    assert np.unique(np.nonzero(read_mask(path, SHAPE))[0]).tolist() == [3]


def test_a_size_that_cannot_be_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (200_000, 2, 2), np.float32)
    with pytest.raises(ValueError, match="at most 100000 along each axis"):
        read_tomogram(path, "a", 10.0)


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


def test_a_number_format_that_there_is_not_is_damage(tmp_path):
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


def elsewhere(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["v"] = marked()
        file.create_dataset("MDF/images/0/image", data=marked())
    return tmp_path / "secret.h5"


@pytest.mark.parametrize("place", ["MDF", "MDF/images", "MDF/images/0/image"])
@pytest.mark.parametrize("is_soft", [False, True])
def test_links_into_other_files_are_not_followed(tmp_path, place, is_soft):
    elsewhere(tmp_path)
    path = tmp_path / "a.hdf"
    with h5py.File(path, "w") as file:
        link = h5py.ExternalLink("secret.h5", place)
        if is_soft:
            file["door"], link = link, h5py.SoftLink("/door")
        file[place] = link
    match = r"a\.hdf: .* lies in another file, .*secret\.h5.*; expected it in the file"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


def test_links_within_the_file_are_followed(tmp_path):
    path = tmp_path / "a.hdf"
    with h5py.File(path, "w") as file:
        file["kept/here"] = marked()
        file["MDF/images/0/image"] = h5py.SoftLink("/kept/here")
    np.testing.assert_array_equal(read_tomogram(path, "a", 10.0)[0].volume, marked())
    with h5py.File(path, "w") as file:
        file["MDF/images"] = h5py.SoftLink("/MDF/images")  # to itself
    with pytest.raises(ValueError, match="has 0 three-dimensional datasets"):
        read_tomogram(path, "a", 10.0)


def test_voxels_in_other_files_are_refused(tmp_path):
    (tmp_path / "raw").write_bytes(marked().tobytes())
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        raw = [(str(tmp_path / "raw"), 0, marked().nbytes)]
        file.create_dataset("v", SHAPE, np.float32, external=raw)
    match = r"a\.h5: the voxels of /v lie in another file, .*raw"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("is_within", [False, True])
def test_a_volume_put_together_of_parts_must_lie_in_one_file(tmp_path, is_within):
    other = elsewhere(tmp_path)
    path = tmp_path / "a.h5"
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    with h5py.File(path, "w") as file:
        if is_within:
            file["halves"] = marked().reshape(2, 9, 20, 28)
            source = h5py.VirtualSource(file["halves"])
            layout[:9], layout[9:] = source[0], source[1]
        else:
            layout[:] = h5py.VirtualSource(other, "v", SHAPE)
        file.create_virtual_dataset("v", layout)
    if is_within:
        found = read_tomogram(path, "a", 10.0)[0].volume
        np.testing.assert_array_equal(found, marked())
        return
    match = r"a\.h5: /v is put together of other files .*secret\.h5"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


def test_parts_that_are_missing_of_a_volume_put_together_are_noticed(tmp_path):
    path = tmp_path / "a.h5"
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    with h5py.File(path, "w") as file:
        file["half"] = marked()[:9].reshape(1, 9, 20, 28)
        layout[:9] = h5py.VirtualSource(file["half"])[0]
        file.create_virtual_dataset("v", layout)
    with pytest.raises(ValueError, match="5040 of 10080 voxels of /v were never writt"):
        read_tomogram(path, "a", 10.0)
    tomogram, warnings = read_tomogram(path, "a", 10.0, may_be_sparse=True)
    assert not tomogram.volume[9:].any()
    assert "5040 of 10080 voxels of /v were never written" in warnings[0]


def test_a_part_is_looked_at_once_however_often_it_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    with h5py.File(path, "w") as file:
        file["parts"] = marked().reshape(1, *SHAPE)
        source = h5py.VirtualSource(file["parts"])
        for z in range(SHAPE[0]):
            layout[z] = source[0, z]
        file.create_virtual_dataset("v", layout)
    looked = []
    monkeypatch.setattr(hdf5, "_check_chunks", lambda _, part: looked.append(part.name))
    np.testing.assert_array_equal(read_tomogram(path, "a", 10.0)[0].volume, marked())
    assert looked == ["/parts"]


def test_a_mask_of_another_shape_is_not_read(tmp_path):
    """Of nothing but its fill value a file of a few kB has any number of voxels."""
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


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"fletcher32": True},
        {"compression": "gzip", "chunks": (18, 20, 30), "maxshape": (None,) * 3},
    ],
)
def test_filters_that_cannot_do_harm_are_read(tmp_path, how):
    path = write_eman2(tmp_path / "a.hdf", **({"chunks": (9, 9, 9)} | how))
    np.testing.assert_array_equal(read_tomogram(path, "a")[0].volume, marked())


def test_a_few_bytes_do_not_decode_to_more_than_a_chunk(tmp_path):
    path = tmp_path / "a.h5"
    large = 2**26
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "v", SHAPE, np.float32, chunks=SHAPE, compression="gzip"
        )
        dataset.id.write_direct_chunk((0, 0, 0), zlib.compress(b"\0" * large))
    match = rf"a\.h5: the chunk of /v at .* than its {4 * math.prod(SHAPE)}; it is dam"
    with little_memory(large // 2), pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("is_checked", [False, True])
def test_lzf_does_not_decode_to_more_than_a_chunk_either(tmp_path, is_checked):
    """A byte, then copies of it, 264 for each three bytes."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "v",
            SHAPE,
            np.float32,
            chunks=SHAPE,
            compression="lzf",
            fletcher32=is_checked,
        )
        dataset.id.write_direct_chunk((0, 0, 0), b"\0\0" + b"\xe0\xff\0" * 10_000)
    match = rf"a\.h5: the chunk of /v at .* than its {4 * math.prod(SHAPE)}; it is dam"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("is_checked", [False, True])
def test_what_lzf_makes_of_anything_is_read(tmp_path, is_checked):
    rng = np.random.default_rng(0)
    for number, most in enumerate((2, 8, 256)):
        volume = rng.integers(0, most, SHAPE, np.uint8)
        volume[3:6] = 1  # long runs
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset(
                *("v", SHAPE, np.uint8, volume),
                chunks=(9, 20, 14),
                compression="lzf",
                fletcher32=is_checked,
            )
        found, _ = read_tomogram(path, "a", 10.0)
        np.testing.assert_array_equal(found.volume, volume)


def test_groups_as_deep_as_you_like_take_no_time(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["v"], group = marked(), file
        for _ in range(2000):
            group = group.create_group("a")
        group["v"] = marked()
        file["again"], file["a/above"] = file["v"], file["/"]
    start = time.process_time()
    np.testing.assert_array_equal(read_tomogram(path, "a", 10.0)[0].volume, marked())
    assert time.process_time() - start < 1


def test_other_filters_are_refused(tmp_path):
    path = write_eman2(tmp_path / "a.hdf", chunks=(9, 9, 9), scaleoffset=2)
    match = r"went through the filters number 6; expected deflate, shuffle, fletcher32"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a")


def test_a_chunk_much_larger_than_the_volume_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", SHAPE, "f4", chunks=(900,) * 3, maxshape=(None,) * 3)
    with pytest.raises(ValueError, match=r"has chunks of \(900, 900, 900\) for \(18, "):
        read_tomogram(path, "a", 10.0, may_be_sparse=True)


def test_a_volume_that_no_memory_holds_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (90_000,) * 3, "f4", chunks=(900, 900, 900))
    match = r"a\.h5 has 90000 x 90000 x 90000 voxels .*2.92e\+06 GB in memory"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0, may_be_sparse=True)
