"""Zarr stores that name their own codecs: which are refused before they decode."""

from __future__ import annotations

import contextlib
import json
import os
import pickle

import numcodecs
import pytest
import zarr

from picker.formats.volumes.ome_zarr import open_volume
from picker.formats.volumes.read import read_geometry, read_mask, read_tomogram
from tests.unit.formats.volumes.zarr_codecs.examples import (
    PLAIN,
    SHAPE,
    VOXELS,
    coded,
    version_2,
    version_3,
)

READERS = (
    lambda path: read_tomogram(path, "a", 10.0),
    lambda path: read_geometry(path, 10.0),
    read_mask,
    lambda path: open_volume(path, 10.0),
)


OF_OBJECTS = {
    "dtype": "|O",
    "filters": [{"id": "vlen-utf8"}],
    "compressor": {"id": "pickle", "protocol": 5},
    "fill_value": "",
}


class Evidence:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("reader", READERS)
def test_what_runs_code_is_refused_before_it_is_decoded(tmp_path, monkeypatch, reader):
    # As older versions of numcodecs did; newer ones refuse it themselves.
    monkeypatch.setattr(
        numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False
    )
    evidence = tmp_path / "evidence"
    bomb = pickle.dumps(Evidence(evidence))
    path = version_2(tmp_path / "a.zarr", bomb, **OF_OBJECTS)
    match = r"a\.zarr holds .*; expected real numbers"
    with pytest.raises(ValueError, match=match):
        reader(path)
    assert not evidence.exists()
    with contextlib.suppress(Exception):
        zarr.open(path)[...]
    assert evidence.exists()  # zarr itself would have run it


@pytest.mark.parametrize("inside", ["0", "deep/0"])
def test_the_arrays_of_an_image_are_checked_too(tmp_path, monkeypatch, inside):
    monkeypatch.setattr(
        numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False
    )
    path = tmp_path / "a.zarr"
    (path / inside).parent.mkdir(parents=True)
    evidence = tmp_path / "evidence"
    bomb = pickle.dumps(Evidence(evidence))
    version_2(path / inside, bomb, **OF_OBJECTS)
    step = {"type": "scale", "scale": [10.0] * 3}
    dataset = {"path": inside, "coordinateTransformations": [step]}
    axes = [{"name": a, "type": "space", "unit": "angstrom"} for a in "zyx"]
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(
        json.dumps({"multiscales": [{"axes": axes, "datasets": [dataset]}]})
    )
    with pytest.raises(ValueError, match=r"holds .*; expected real numbers"):
        read_tomogram(path, "a")
    assert not evidence.exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"filters": [{"id": "base64"}]}, "base64"),
        ({"compressor": {"id": "fletcher32"}}, "fletcher32"),
        ({"filters": [{"id": "bz2"}], "compressor": {"id": "bz2"}}, "bz2"),
        (
            {"filters": [{"id": "delta", "dtype": "<f4", "astype": "S9000"}]},
            r"delta of \|?S9000",
        ),
    ],
)
def test_filters_that_could_make_anything_are_refused(tmp_path, changes, named):
    path = version_2(tmp_path / "a.zarr", b"\0" * 4 * VOXELS, **changes)
    with pytest.raises(ValueError, match=f"is stored through {named}; expected none"):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize(
    ("codecs", "named"),
    [
        ([PLAIN, coded("numcodecs.bz2"), coded("numcodecs.bz2")], "bz2 after bz2"),
        ([PLAIN, coded("gzip", level=1), coded("zstd", level=1)], "zstd after gzip"),
        (
            [
                coded(
                    "sharding_indexed",
                    chunk_shape=SHAPE,
                    codecs=[PLAIN, coded("numcodecs.bz2"), coded("numcodecs.lzma")],
                    index_codecs=[PLAIN, {"name": "crc32c"}],
                )
            ],
            "lzma after bz2",
        ),
        (
            [
                coded("numcodecs.delta", dtype="<f4"),
                coded(
                    "sharding_indexed",
                    chunk_shape=[2, 2, 2],
                    codecs=[PLAIN],
                    index_codecs=[PLAIN],
                ),
            ],
            "delta before sharding_indexed",
        ),
        ([coded("numcodecs.pcodec")], "pcodec"),
        ([PLAIN, coded("numcodecs.fletcher32")], "fletcher32"),
    ],
)
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_codecs_of_version_3_that_could_make_anything_are_refused(
    tmp_path, codecs, named
):
    path = version_3(tmp_path / "a.zarr", codecs, b"\0" * 4 * VOXELS)
    with pytest.raises(ValueError, match=f"is stored through {named}; expected none"):
        read_tomogram(path, "a", 10.0)
