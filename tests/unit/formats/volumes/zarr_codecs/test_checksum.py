from __future__ import annotations

import pytest
import zarr
from zarr.codecs import Crc32cCodec

from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.volumes.zarr_codecs.examples import SHAPE, marked


def test_a_checksum_that_does_not_fit_is_damage(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=SHAPE,
        dtype="f4",
        chunks=SHAPE,
        compressors=[Crc32cCodec()],
    )
    array[...] = marked("f4")
    (file,) = (f for f in (tmp_path / "a.zarr" / "c").rglob("*") if f.is_file())
    raw = bytearray(file.read_bytes())
    raw[1000] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ValueError, match=r"cannot be decoded: .*checksum"):
        read_tomogram(tmp_path / "a.zarr", "a", 10.0)
