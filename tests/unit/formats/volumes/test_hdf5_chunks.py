import math
import zlib

import h5py
import numpy as np
import pytest

from picker.formats.volumes.read import read_mask, read_tomogram
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.test_hdf5 import SHAPE, marked, write_eman2


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


def test_an_impossible_size_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (200_000, 2, 2), np.float32)
    with pytest.raises(ValueError, match="at most 100000 along each axis"):
        read_tomogram(path, "a", 10.0)


def test_missing_parts_of_a_virtual_dataset_are_noticed(tmp_path):
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


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"fletcher32": True},
        {"compression": "gzip", "chunks": (18, 20, 30), "maxshape": (None,) * 3},
    ],
)
def test_filters_that_cannot_do_harm_are_read(tmp_path, options):
    path = write_eman2(tmp_path / "a.hdf", **({"chunks": (9, 9, 9)} | options))
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
def test_whatever_lzf_compresses_is_read(tmp_path, is_checked):
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
