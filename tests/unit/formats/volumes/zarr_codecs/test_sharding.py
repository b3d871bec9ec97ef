from __future__ import annotations

import gzip
import struct

import pytest

from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.zarr_codecs.examples import (
    LARGE,
    PLAIN,
    SHAPE,
    coded,
    version_3,
)


def test_a_shard_s_chunk_is_no_bomb_either(tmp_path):
    shards = coded(
        "sharding_indexed",
        chunk_shape=SHAPE,
        codecs=[PLAIN, coded("gzip", level=1)],
        index_codecs=[PLAIN],
    )
    bomb = gzip.compress(b"\0" * LARGE)
    content = bomb + struct.pack("<QQ", 0, len(bomb))
    path = version_3(tmp_path / "a.zarr", [shards], content)
    with (
        little_memory(LARGE // 2),
        pytest.raises(ValueError, match="it announces"),
    ):
        read_tomogram(path, "a", 10.0)
    bad = bomb[:100] + struct.pack("<QQ", 50, 10**6)
    (path / "0.0.0").write_bytes(bad)
    with pytest.raises(ValueError, match="its index names bytes that it does not"):
        read_tomogram(path, "a", 10.0)
    (path / "0.0.0").write_bytes(b"123")
    with pytest.raises(ValueError, match="it has 3 bytes, its index alone 16"):
        read_tomogram(path, "a", 10.0)
