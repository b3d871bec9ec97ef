import os
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

from picker.config import TomogramRow
from picker.formats.ome_zarr import write_volume
from picker.shards import file_stamp, shards_from_rows, untrue_manifests
from picker.verbs.common import Entry, write_manifest


def rows(num, split="predict", start=0):
    return [
        TomogramRow(
            tomogram=f"TS_{i}",
            path=Path(f"TS_{i}.mrc"),
            split=split,
            picks=(Path("p.star"),),
        )
        for i in range(start, start + num)
    ]


def test_every_tomogram_is_in_one_shard_of_its_split():
    given = rows(100) + rows(7, "labeled", 100) + rows(3, "test", 200)
    shards = shards_from_rows(given, 20)
    assert sorted(r.tomogram for m in shards.values() for r in m) == sorted(
        r.tomogram for r in given
    )
    for name, members in shards.items():
        assert {row.split for row in members} == {name.split("-")[0]}
    assert {name for name in shards if name.startswith("labeled")} == {
        "labeled-0001of0001"
    }
    assert sum(name.startswith("predict") for name in shards) == 4


def test_more_tomograms_change_few_shards():
    before, after = (shards_from_rows(rows(n), 10) for n in (1000, 1005))
    changed = [name for name in after if after[name] != before[name]]
    assert set(before) == set(after)
    assert 1 <= len(changed) <= 5


def test_the_order_of_the_table_does_not_matter_to_membership():
    one, two = shards_from_rows(rows(50), 10), shards_from_rows(rows(50)[::-1], 10)
    assert {k: sorted(r.tomogram for r in v) for k, v in one.items()} == {
        k: sorted(r.tomogram for r in v) for k, v in two.items()
    }


@pytest.mark.parametrize(("num", "size"), [(1, 32), (31, 32), (1000, 32), (50, 7)])
def test_there_are_no_more_jobs_than_the_size_allows(num, size):
    assert len(shards_from_rows(rows(num), size)) <= max(1, num / size)


@pytest.fixture
def folder(tmp_path):
    """A folder with the file `here` and a manifest that names it."""
    (tmp_path / "here").write_text("as it was")
    return tmp_path


def is_kept(folder, age=0, **changes):
    here = folder / "here"
    entry = Entry(tomogram="TS", split="test", path=here, volume=here)
    path = folder / "manifest.json"
    write_manifest(path, [entry.model_copy(update=changes)])
    os.utime(path, (time.time() - age,) * 2)
    untrue = untrue_manifests([path, folder / "no such.json"])
    assert path.exists()
    assert untrue in ([], [path])
    return not untrue


def test_a_manifest_whose_files_are_there_is_kept(folder):
    assert is_kept(folder, labels=folder / "here", mask=folder / "here")


def test_the_manifest_of_a_missing_file_is_forgotten(folder):
    assert not is_kept(folder, path=folder / "gone")
    assert not is_kept(folder, labels=folder / "gone")
    assert not is_kept(folder, mask=folder / "gone")


def test_a_whole_folder_that_is_gone_is_no_reason_to_compute_it_again(folder):
    volumes = folder / "my volumes"
    with pytest.raises(
        FileNotFoundError, match=r"my volumes is gone.*mkdir -p '.*my volumes'"
    ):
        is_kept(folder, path=volumes / "TS.zarr")
    assert is_kept(folder, path=volumes / "TS.zarr", error="it is constant")
    volumes.mkdir()
    assert not is_kept(folder, path=volumes / "TS.zarr")


def test_a_bad_tomogram_has_no_file_to_miss_but_may_be_tried_again(folder):
    assert is_kept(folder, path=folder / "gone", error="it is constant")
    assert not is_kept(folder, path=folder / "gone", error="no answer", retry=True)


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
    # One that could not be used is mended by such a file too.
    assert not is_kept(folder, stamps=stamps, error="it is truncated")


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


def test_not_every_chunk_is_looked_at(volume):
    """Fifteen million of them at 50,000 tomograms; the job looks at its own."""
    before = file_stamp(volume)
    chunk = volume / "0" / "c" / "1" / "1" / "1"
    chunk.write_bytes(chunk.read_bytes())
    assert file_stamp(volume) == before


@pytest.mark.parametrize("text", ['{"tomograms": [', "[" * 100_000, "[1]", "\xff"])
def test_a_damaged_manifest_is_untrue(folder, text):
    cut = folder / "cut.json"
    cut.write_text(text, encoding="latin-1")
    assert untrue_manifests([cut]) == [cut]


def test_a_folder_that_is_no_volume_is_not_walked_through(tmp_path, monkeypatch):
    """It may be a whole disk."""
    (tmp_path / "a" / "b").mkdir(parents=True)

    def walk(folder):
        raise AssertionError(folder)

    monkeypatch.setattr(os, "scandir", walk)
    stat = tmp_path.stat()
    assert file_stamp(tmp_path) == (stat.st_size, stat.st_mtime_ns)
