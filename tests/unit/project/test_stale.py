import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import zarr

from picker.core.stamps import file_stamp
from picker.formats.volumes.ome_zarr import write_volume
from picker.project.manifests import write_manifest
from picker.project.records import Failed
from picker.project.stale import stale_manifests
from tests.unit.predicted import picked, predicted, preprocessed


@pytest.fixture
def folder(tmp_path):
    """A folder with the file `here` and a manifest that names it."""
    (tmp_path / "here").write_text("as it was")
    return tmp_path


def is_kept(folder, age=0, **changes):
    """Return whether a manifest written some time [s] ago is believed."""
    entry = replace(preprocessed("TS", volume=folder / "here"), **changes)
    return is_believed(folder, entry, age)


def is_believed(folder, entry, age=0):
    path = folder / "manifest.json"
    write_manifest(path, [entry])
    os.utime(path, (time.time() - age,) * 2)
    stale = stale_manifests([path, folder / "no such.json"])
    assert path.exists()
    assert stale in ([], [path])
    return not stale


def bad(**values):
    return Failed(tomogram="TS", split="test", error="it is constant", **values)


def test_a_manifest_whose_files_are_there_is_kept(folder):
    files = dict.fromkeys(("labels", "mask", "noise"), folder / "here")
    assert is_kept(folder, **files)


def test_the_manifest_of_a_missing_file_is_forgotten(folder):
    assert not is_kept(folder, volume=folder / "gone")
    assert not is_kept(folder, labels=folder / "gone")
    assert not is_kept(folder, mask=folder / "gone")
    assert not is_kept(folder, noise=folder / "gone")


def test_a_whole_folder_that_is_gone_is_no_reason_to_compute_it_again(folder):
    volumes = folder / "my volumes"
    with pytest.raises(
        FileNotFoundError, match=r"my volumes is gone.*mkdir -p '.*my volumes'"
    ):
        is_kept(folder, volume=volumes / "TS.zarr")
    assert is_believed(folder, bad(path=volumes / "TS.zarr"))
    volumes.mkdir()
    assert not is_kept(folder, volume=volumes / "TS.zarr")


def test_a_bad_tomogram_has_no_file_to_miss_but_may_be_tried_again(folder):
    assert is_believed(folder, bad(path=folder / "gone"))
    assert not is_believed(folder, bad(path=folder / "gone", retry=True))


def test_an_input_replaced_even_by_an_older_one_is_noticed(folder):
    source = folder / "source.mrc"
    source.write_text("one")
    stamps = {str(source): file_stamp(source)}
    assert is_kept(folder, stamps=stamps)
    source.write_text("two")
    os.utime(source, (1, 1))
    assert not is_kept(folder, stamps=stamps)
    os.utime(source)  # newer than the manifest: the workflow sees that itself
    assert is_kept(folder, age=60, stamps=stamps)
    os.utime(source, (1, 1))
    # One that could not be used is fixed by such a file too.
    assert not is_believed(folder, bad(path=folder / "gone", stamps=stamps))


@pytest.fixture
def volume(folder):
    """An OME-Zarr of 24 chunks, written a while ago."""
    path = folder / "TS.zarr"
    write_volume(path, np.zeros((100, 130, 200), np.int8), 10.0, {})
    for place in (path, *path.rglob("*")):
        os.utime(place, (time.time() - 60,) * 2)
    return path


def test_a_chunk_replaced_deep_in_a_zarr_folder_is_noticed(folder, volume):
    stamps = {str(volume): file_stamp(volume)}
    outermost = volume.stat().st_mtime_ns
    assert is_kept(folder, stamps=stamps)
    zarr.open_group(volume)["0"][70:, 70:100, 70:100] = 1
    # The workflow would not see it.
    assert volume.stat().st_mtime_ns == outermost
    assert not is_kept(folder, stamps=stamps)


def test_metadata_edited_in_place_and_an_older_folder_are_noticed(folder, volume):
    stamps = {str(volume): file_stamp(volume)}
    with (volume / "0" / "zarr.json").open("a") as file:
        file.write(" ")
    assert not is_kept(folder, stamps=stamps)
    stamps = {str(volume): file_stamp(volume)}
    assert is_kept(folder, stamps=stamps)
    os.utime(volume / "0" / "c" / "1", (1, 1))
    assert not is_kept(folder, stamps=stamps)


@pytest.mark.parametrize("text", ['{"tomograms": [', "[" * 100_000, "[1]", "\xff"])
def test_a_damaged_manifest_is_stale(folder, text):
    cut = folder / "cut.json"
    cut.write_text(text, encoding="latin-1")
    assert stale_manifests([cut]) == [cut]


@pytest.mark.parametrize("state", ["predicted", "picked"])
def test_later_stages_answer_for_their_own_file_and_the_labels(folder, state):
    """A volume that is gone is for the first stage to make again."""
    make = {"predicted": predicted, "picked": picked}[state]
    source = folder / "source.mrc"
    source.write_text("one")
    stamps = {str(source): file_stamp(source)}
    values = {"volume": folder / "gone", "labels": folder / "here", "stamps": stamps}
    assert is_believed(folder, make(folder / "here", **values))
    assert not is_believed(folder, make(folder / "gone", **values))
    values["labels"] = folder / "gone"
    assert not is_believed(folder, make(folder / "here", **values))
    del values["labels"]
    source.write_text("two")
    os.utime(source, (1, 1))
    assert not is_believed(folder, make(folder / "here", **values))


def test_a_manifest_of_version_0_1_is_stale(folder):
    old = folder / "old.json"
    entry = {"tomogram": "TS", "path": str(folder / "here"), "labels": None}
    entry |= {"mask": None, "error": None, "retry": False, "stamps": {}}
    old.write_text(json.dumps({"tomograms": [entry]}))
    assert stale_manifests([old]) == [old]
