"""Damaged files of picks: an error that says so, whatever the damage.

PICKER_FUZZ says how many damaged files each reader gets; `make fuzz` gives it more.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picker.core.picks import picks_from_arrays
from picker.core.rotations import random_rotations
from picker.formats.picks import imod
from picker.formats.picks.known import read_known_picks
from picker.formats.tables.tilt_series import read_tilt_series
from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.examples import (
    KINDS,
    PARTICLE,
    SHAPE,
    T,
    V,
    random_picks,
    write_kind,
)
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.test_em import write_em
from tests.unit.formats.volumes.test_hdf5 import write_eman2

NUM_EXAMPLES = int(os.environ.get("PICKER_FUZZ", "300"))
ROOM = 512 * 2**20
"""Bytes that reading a file of a few kB may ask for beside what the tests hold."""
PYTOM = (
    "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnCoordinateZ #3\n"
    "_rlnLCCmax #4\n_rlnDetectorPixelSize #5\n_rlnMicrographName #6\n"
    "30 40 20 0.5 7.5 TS_1\n31.5 41 22 0.25 7.5 TS_1\n"
)
CSV = (
    "tomogram,particle,x,y,z,score\n"
    "TS_1,ribosome,30.5,40,20,0.5\nTS_1,ribosome,1,2,3,\n"
)
TOMOGRAMS = (
    "data_global\n\nloop_\n_rlnTomoName #1\n_rlnTomoTiltSeriesPixelSize #2\n"
    "_rlnTomoSizeX #3\n_rlnTomoSizeY #4\n_rlnTomoSizeZ #5\n"
    "TS_1 1.35 4000 4000 2000\nTS_2 1.35 3838 3710 2000\n"
)
TOKENS = [
    *(b"nan", b"-inf", b"1e400", b"-1", b"0", b"2147483648", b"9" * 400, b"1_0"),
    *(b"\n", b"\r", b" ", b"\t", b",", b"#", b'"', b"'", b"\0", b"\xff\xfe"),
    *(b"{", b"}", b"[" * 5000, b"null", b'"x"', b"loop_", b"data_", b"_x", b"<NA>"),
    *(b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff", b"OBJT", b"CONT"),
    *(b"MESH", b"IEOF", b"../", b"rlnTomoImportParticleFile", b"a" * 300),
]


def damage():
    """Return a strategy of functions that damage bytes."""
    place = st.floats(0, 1, exclude_max=True)
    cut = place.map(lambda p: lambda raw: raw[: int(p * len(raw))])
    behead = place.map(lambda p: lambda raw: raw[int(p * len(raw)) :])
    flip = st.tuples(place, st.integers(0, 7)).map(
        lambda drawn: lambda raw: flipped(raw, *drawn)
    )
    put = st.tuples(place, st.sampled_from(TOKENS) | st.binary(max_size=12)).map(
        lambda drawn: lambda raw: replaced(raw, *drawn, 0)
    )
    overwrite = st.tuples(place, st.sampled_from(TOKENS) | st.binary(max_size=12)).map(
        lambda drawn: lambda raw: replaced(raw, *drawn, len(drawn[1]))
    )
    repeat = st.tuples(place, place).map(
        lambda p: lambda raw: raw + raw[int(min(p) * len(raw)) : int(max(p) * len(raw))]
    )
    return cut | behead | flip | flip | put | overwrite | repeat


@pytest.fixture(scope="module", params=["em", "hdf5"])
def intact_volume(request, tmp_path_factory):
    """Return a volume of each kind that is read by its content, and its bytes."""
    path = tmp_path_factory.mktemp(request.param) / "TS_1.vol"
    volume = np.arange(16 * 17 * 18, dtype=np.float32).reshape(16, 17, 18)
    if request.param == "em":
        write_em(path, volume)
    else:
        write_eman2(path, volume)
    assert read_tomogram(path, "TS_1", V)[0].shape_zyx == volume.shape
    return path, path.read_bytes()


@settings(max_examples=NUM_EXAMPLES, deadline=timedelta(seconds=20), database=None)
@given(changes=st.lists(damage(), min_size=1, max_size=4), in_head=st.booleans())
def test_a_damaged_volume_is_an_error_or_harmless(intact_volume, changes, in_head):
    path, raw = intact_volume
    # Most bytes are voxels; what the readers trust stands before them.
    head, rest = (raw[:3000], raw[3000:]) if in_head else (raw, b"")
    for change in changes:
        head = change(head)
    path.write_bytes(head + rest)
    with little_memory(ROOM):
        text = error_of(read_tomogram, path, "TS_1", V)
    assert text is None or (path.name in text and len(text) < 1500)


@settings(max_examples=NUM_EXAMPLES, deadline=timedelta(seconds=20), database=None)
@given(changes=st.lists(damage(), min_size=1, max_size=4))
def test_a_damaged_tomograms_star_is_an_error_or_harmless(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "tomograms.star"
    raw = TOMOGRAMS.encode()
    for change in changes:
        raw = change(raw)
    path.write_bytes(raw)
    with little_memory(ROOM):
        text = error_of(read_tilt_series, path)
    assert text is None or (path.name in text and len(text) < 1500)


def error_of(function, *arguments):
    """Return what a user would be told, None if all went well."""
    try:
        function(*arguments)
    except ValueError as error:
        return str(error)
    return None


def flipped(raw, place, bit):
    changed = bytearray(raw)
    if changed:
        changed[int(place * len(raw))] ^= 1 << bit
    return bytes(changed)


def replaced(raw, place, token, num):
    start = int(place * len(raw))
    return raw[:start] + token + raw[start + num :]


def read(path):
    """Return the picks of a file, or None after an error that names a file."""
    try:
        picks, _ = read_known_picks([path], "TS_1", [PARTICLE], V, SHAPE, T)
    except (ValueError, FileNotFoundError) as error:
        text = str(error)
        assert path.name in text or path.with_suffix(".doc").name in text
        assert len(text) < 1500
        return None
    return picks


@pytest.fixture(scope="module", params=[*KINDS, "pytom", "csv", "index", "doc"])
def intact(request, tmp_path_factory):
    """Return a file to read, of each kind in turn, a file to damage, and its bytes."""
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / "ribosome"
    rng = np.random.default_rng(1)
    picks = replace(random_picks(rng, 5), rotation=random_rotations(5, rng))
    if request.param in ("pytom", "csv"):
        path.write_text(PYTOM if request.param == "pytom" else CSV)
    elif request.param == "index":
        write_kind("relion5", folder, picks)
        path = folder / "import" / "ribosome" / "index.star"
    else:
        kind = {"doc": "dynamo"}.get(request.param, request.param)
        path = write_kind(kind, folder, picks)
    damaged = path.with_suffix(".doc") if request.param == "doc" else path
    assert len(read(path)) > 0
    return path, damaged, damaged.read_bytes()


@settings(
    max_examples=NUM_EXAMPLES,
    deadline=timedelta(seconds=20),
    database=None,
    print_blob=True,
)
@given(changes=st.lists(damage(), min_size=1, max_size=4))
def test_damage_is_an_error_or_harmless(intact, changes):
    path, damaged, raw = intact
    for change in changes:
        raw = change(raw)
    damaged.write_bytes(raw)
    with little_memory(ROOM):
        picks = read(path)
    assert picks is None or np.isfinite(picks.position_zyx).all()


@settings(max_examples=NUM_EXAMPLES, deadline=timedelta(seconds=20), database=None)
@given(
    start=st.sampled_from([b"", b"IMODV1.2", b"{", b"data_\nloop_\n", b"1 2 3\n"]),
    raw=st.binary(max_size=400),
)
def test_random_bytes(tmp_path_factory, start, raw):
    path = tmp_path_factory.getbasetemp() / "ribosome"
    path.write_bytes(start + raw)
    with little_memory(ROOM):
        picks = read(path)
    assert picks is None or np.isfinite(picks.position_zyx).all()


@pytest.mark.parametrize("first", ["{long},ribosome", "TS_1,{long}"])
def test_one_long_name_does_not_multiply(tmp_path, first):
    path = tmp_path / "a.csv"
    rows = [f"{first.format(long='a' * 10**5)},1,2,3", *["TS_1,ribosome,1,2,3"] * 10**4]
    path.write_text("\n".join(["tomogram,particle,x,y,z", *rows]) + "\n")
    with little_memory(ROOM):
        picks = read(path)
    assert picks is None if first.startswith("TS_1") else len(picks) == 1


@pytest.mark.parametrize("count", [2**31 - 1, 2**30, -1, -(2**31)])
@pytest.mark.parametrize("chunk", [b"CONT", b"MESH", b"IMAT"])
def test_counts_of_a_model_allocate_nothing(tmp_path, chunk, count):
    picks = picks_from_arrays([[1, 2, 3]], ["ribosome"])
    path = write_kind("imod", tmp_path, picks)
    raw = path.read_bytes()
    place = raw.index(b"CONT")
    path.write_bytes(raw[:place] + chunk + struct.pack(">i", count) + raw[place + 8 :])
    with little_memory(ROOM), pytest.raises(ValueError, match="damaged or truncated"):
        imod.read_model(path)
