"""A chunk decodes to the size that the array says, or is an error."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib

import numcodecs
import pytest

from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.zarr_codecs.examples import LARGE, VOXELS, version_2


def zstd_of_zeros(size):
    """Return a frame that does not say its size: four bytes for 128 kB."""
    blocks, rest = divmod(size, 2**17)
    sizes = [2**17] * blocks + [rest]
    heads = [
        struct.pack("<I", (i == blocks) | 1 << 1 | n << 3)[:3] + b"\0"
        for i, n in enumerate(sizes)
    ]
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(heads)


BOMBS = {
    "bz2": lambda size: bz2.compress(b"\0" * size),
    "lzma": lambda size: lzma.compress(b"\0" * size),
    "zlib": lambda size: zlib.compress(b"\0" * size),
    # Its last member says what the array does; the one before is the bomb.
    "gzip": lambda size: gzip.compress(b"\0" * size) + gzip.compress(b"1" * 4 * VOXELS),
    "zstd": zstd_of_zeros,
    # A frame of the right size comes first.
    "zstd, twice": lambda size: (
        numcodecs.Zstd().encode(b"1" * 4 * VOXELS) + zstd_of_zeros(size)
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_few_bytes_do_not_decode_to_more_than_the_array_says(tmp_path, kind):
    codec = kind.partition(",")[0]
    bomb = BOMBS[kind](LARGE)
    path = version_2(tmp_path / "a.zarr", bomb, compressor={"id": codec})
    match = r"a\.zarr.*(damaged|decoded)"
    with little_memory(LARGE // 2), pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("codec", ["bz2", "lzma", "zlib", "zstd"])
@pytest.mark.parametrize("size", [4 * VOXELS - 1, 4 * VOXELS + 1])
def test_a_byte_too_much_or_too_few_is_damage(tmp_path, codec, size):
    path = version_2(tmp_path / "a.zarr", BOMBS[codec](size), compressor={"id": codec})
    with pytest.raises(ValueError, match=r"0\.0\.0 cannot be decoded: .*; copy it"):
        read_tomogram(path, "a", 10.0)
