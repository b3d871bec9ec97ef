"""Random damage to a volume is at worst one clear error that names it."""

from __future__ import annotations

import math
import os
import re
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picker.formats.volumes import mrc
from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.test_bad_volumes import (
    STORES,
    is_metadata,
    marked,
    write_store,
)

EXAMPLES = int(os.environ.get("PICKER_FUZZ", "300"))
GIGABYTE = 2**30


# What a fuzzer puts in place of a number or a word in JSON.
TOKENS = [
    *("0", "-1", "1e400", "NaN", "null", "true", "[]", "{}", '"x"', '"\\u0000"'),
    *("99000", "3000000000", "99999999999999999999", '"../.."', f'"{"a" * 5000}"'),
]


TOKEN = re.compile(r'"[^"]*"|-?\d+(\.\d+)?|\[[^\[\]]*\]|null|true|false')
WORDS = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\0\0\xc0\x7f",
]


DAMAGE = {
    "kind": st.sampled_from(["cut", "flip", "bytes", "word", "token", "gone"]),
    "places": st.lists(st.integers(0, 2**20), min_size=1, max_size=4),
    "new": st.binary(min_size=1, max_size=16),
}


def damaged(raw, kind, places, new):
    """Return a file's bytes after a truncation, flipped bits, or other values."""
    if kind == "cut":
        return raw[: places[0] % len(raw)]
    if kind == "token":
        spans = [m.span() for m in TOKEN.finditer(raw.decode("latin-1"))]
        if spans:
            start, stop = spans[places[0] % len(spans)]
            token = TOKENS[new[0] % len(TOKENS)].encode()
            return raw[:start] + token + raw[stop:]
    result = bytearray(raw)
    # Most of what a program trusts is at the beginning.
    last = min(len(raw), (64, 1024, len(raw))[new[0] % 3])
    for place in places:
        at = place % last
        if kind == "flip":
            result[at] ^= 1 << new[-1] % 8
        elif kind == "word":
            at = at // 4 * 4
            result[at : at + 4] = WORDS[new[-1] % len(WORDS)]
        else:
            result[at : at + len(new)] = new
    return bytes(result[: len(raw)])


FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def read_or_refuse(path):
    """Read a volume, or check that the error names it and that memory was enough."""
    try:
        with little_memory(GIGABYTE):
            tomogram, _ = read_tomogram(path, "TS_01")
    except (ValueError, FileNotFoundError) as error:
        message = str(error)
    else:
        assert 0 < tomogram.voxel_size < math.inf
        assert np.isfinite(tomogram.volume).all()
        return
    assert str(path) in message
    assert "memory" not in message


class Sound:
    """Undamaged content; not a tuple, which a failed test would print in full."""

    def __init__(self, path, content):
        self.path = path
        self.content = content


@pytest.fixture(scope="module")
def mrc_files(tmp_path_factory):
    """Return where to write, and a sound file of each mode."""
    folder = tmp_path_factory.mktemp("mrc")
    found = []
    for dtype in ("i1", "i2", "u2", "f2", "f4"):
        mrc.write_volume(folder / "sound.mrc", (marked() % 101).astype(dtype), 10.0)
        found.append((folder / "sound.mrc").read_bytes())
    return Sound(folder / "TS_01.mrc", found)


@FUZZ
@given(which=st.integers(0, 4), **DAMAGE)
def test_damage_to_an_mrc_file_is_at_worst_an_error(
    mrc_files, which, kind, places, new
):
    path = mrc_files.path
    path.write_bytes(damaged(mrc_files.content[which], kind, places, new))
    read_or_refuse(path)


@FUZZ
@given(content=st.binary(max_size=3000))
def test_random_bytes_are_at_worst_an_error(mrc_files, content):
    mrc_files.path.write_bytes(content)
    read_or_refuse(mrc_files.path)


@pytest.fixture(
    scope="module",
    # Its decoder takes 100 MB for each of many threads, for sound chunks too.
    params=[one for one in STORES if one != (2, "lzma")],
    ids=lambda p: f"{p[0]}-{p[1]}",
)
def store(request, tmp_path_factory):
    """Return a store and the sound content of its files."""
    path = tmp_path_factory.mktemp("store") / "TS_01.zarr"
    write_store(path, *request.param)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return Sound(path, {file: file.read_bytes() for file in files})


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@settings(FUZZ, max_examples=max(EXAMPLES // 4, 1))
@given(which=st.integers(0, 99), **DAMAGE)
def test_damage_to_an_ome_zarr_folder_is_at_worst_an_error(
    store, which, kind, places, new
):
    sound = store.content
    # Metadata more often than chunks: there are more ways for them to be wrong.
    files = [file for file in sound if is_metadata(file) or which % 3 == 0]
    file = files[which % len(files)]
    if kind == "gone":
        file.unlink()
    else:
        replace(file, damaged(sound[file], kind, places, new))
    try:
        read_or_refuse(store.path)
    finally:
        replace(file, sound[file])


def replace(file, content):
    """Put a new file in the place of one that a thread may still be reading."""
    new = file.with_name("new")
    new.write_bytes(content)
    new.replace(file)
