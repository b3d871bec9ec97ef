from __future__ import annotations

import numcodecs
import numpy as np
import pytest
import zarr

from picker.formats.volumes.read import read_mask
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.zarr_codecs.examples import (
    LARGE,
    SHAPE,
    VOXELS,
    version_2,
)

CHAINS = {
    "astype": {"encode_dtype": "|i1", "decode_dtype": "<f8"},
    "packbits": {},
    "delta": {"dtype": "<f8", "astype": "|i1"},
    "fixedscaleoffset": {"dtype": "<f8", "astype": "|i1", "scale": 1, "offset": 0},
    "quantize": {"dtype": "<f8", "astype": "<f2", "digits": 1},
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_filters_makes_no_more_either(tmp_path, name):
    """Each filter makes eight bytes of one, and the next eight of each of these."""
    dtype = {"packbits": "|b1", "quantize": "<f2"}.get(name, "|i1")
    size = {"packbits": VOXELS // 8 + 1, "quantize": 2 * VOXELS}.get(name, VOXELS)
    filters = [{"id": name, **CHAINS[name]}] * 9
    path = version_2(tmp_path / "a.zarr", b"\0" * size, dtype=dtype, filters=filters)
    match = rf"0\.0\.0 cannot be decoded: its filter {name} makes \d+ bytes, expected"
    with little_memory(LARGE // 2), pytest.raises(ValueError, match=match):
        read_mask(path)


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
