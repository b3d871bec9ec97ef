"""Files of a pattern as the table, and what a file of splits says of some."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from picker.config import Config
from picker.formats.projects.patterns import files_of
from picker.formats.tables.tomograms import tomogram_rows


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a working folder, and a function that makes files an hour old in it."""
    monkeypatch.chdir(tmp_path)

    def make(*names, age=3600):
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
            os.utime(name, (time.time() - age,) * 2)

    make("tomograms/TS_1.mrc", "tomograms/TS_2_10.00Apx.mrc", "tomograms/._TS_1.mrc")
    return make


def rows(files="tomograms/*.mrc", folder=None, **settings):
    tomograms = {
        "source": "folder",
        "splits": None,
        "folder": {"files": files, **(folder or {})},
        **settings,
    }
    particles = [{"name": "ribosome", "radius": 120}]
    found = Config.model_validate({"particles": particles, "tomograms": tomograms})
    return tomogram_rows(found)


def test_a_file_that_arrives_is_there_in_the_next_run(project, caplog):
    assert [(r.tomogram, r.split) for r in rows()] == [
        *(("TS_1", "predict"), ("TS_2", "predict"))
    ]
    project("tomograms/TS_3.mrc", age=5)
    assert len(rows()) == 2
    assert "1 tomograms of tomograms/*.mrc are left" in caplog.text
    assert "TS_3 has tomograms/TS_3.mrc, written 5 s ago" in caplog.text
    assert [row.tomogram for row in rows(settle=1)] == ["TS_1", "TS_2", "TS_3"]
    assert {row.split for row in rows(others="unlabeled")} == {"unlabeled"}
    with pytest.raises(ValueError, match="has no tomogram that can be used"):
        rows(others="leave_out")


def test_a_clock_that_is_ahead_makes_no_file_old(project, caplog):
    project("tomograms/TS_3.mrc", age=-5)
    assert len(rows()) == 2
    assert "TS_3 has tomograms/TS_3.mrc, written 0 s ago" in caplog.text
    project("tomograms/TS_3.mrc", age=-90)
    assert len(rows()) == 3


def test_a_zarr_folder_is_as_old_as_its_newest(project, monkeypatch):
    project("zarr/TS_1.zarr/zarr.json", "zarr/TS_1.zarr/0/c")
    for folder in ("zarr/TS_1.zarr/0", "zarr/TS_1.zarr"):
        os.utime(folder, (time.time() - 3600,) * 2)
    assert len(rows("zarr/*.zarr")) == 1
    os.utime("zarr/TS_1.zarr/0", (time.time() - 5,) * 2)
    with pytest.raises(
        ValueError, match=r"has no tomogram that can be used \(TS_1 .* tomograms.settle"
    ):
        rows("zarr/*.zarr")

    def renamed(path):
        raise FileNotFoundError(path)

    # What is looked at may be renamed meanwhile.
    os.utime("zarr/TS_1.zarr/0", (time.time() - 3600,) * 2)
    monkeypatch.setattr("picker.formats.projects.rows.file_stamp", renamed)
    with pytest.raises(ValueError, match="has no tomogram that can be used"):
        rows("zarr/*.zarr")


def test_names_halves_and_masks_of_patterns(project):
    project("a/x/rec.mrc", "a/y/rec.mrc", "a/x/rec_EVN.mrc", "a/x/rec_ODD.mrc")
    project("masks/x.mrc")
    project("membranes/y.mrc")
    found = rows(
        "a/{name}/*.mrc",
        {
            "even": "a/{name}/rec_EVN.mrc",
            "odd": "a/{name}/rec_ODD.mrc",
            "mask": "masks/{name}.mrc",
            "membranes": "membranes/{name}.mrc",
        },
    )
    x, y = found
    assert (x.tomogram, x.path) == ("x", Path("a/x/rec.mrc"))
    assert x.even == Path("a/x/rec_EVN.mrc")
    assert x.mask == Path("masks/x.mrc")
    assert (x.membranes, y.membranes) == (None, Path("membranes/y.mrc"))
    assert (y.tomogram, y.halves, y.mask) == ("y", (), None)


def test_a_name_that_stands_twice_is_the_same(project):
    project("a/x/x.mrc", "a/x/y.mrc", "b[1]/c/d/e.mrc")
    assert files_of("a/{name}/{name}.mrc") == {Path("a/x/x.mrc"): "x"}
    assert files_of("b[1]/**/{name}.mrc") == {Path("b[1]/c/d/e.mrc"): "e"}
    assert files_of("tomograms/TS_?.mrc") == {Path("tomograms/TS_1.mrc"): "TS_1"}


def test_two_files_of_one_name_are_refused(project):
    project("tomograms/TS_1.rec")
    with pytest.raises(ValueError, match=r"TS_1\.mrc and .*TS_1\.rec are both of"):
        rows("tomograms/*")
    with pytest.raises(ValueError, match="no file is of the pattern none/"):
        rows("none/*.mrc")
    for wrong in ({"files": "TS_1.mrc"}, {"even": "e/*.mrc", "odd": "o/{name}.mrc"}):
        with pytest.raises(ValueError, match=r"has no \{name\}; expected it where"):
            rows(folder=wrong)


def test_splits_name_tomograms_as_a_table_does(project):
    project("picks/TS_1_ribosome.star", "picks/TS_1_a.star", "mine.star")
    project("tomograms/TS_1_a.mrc")
    Path("splits.tsv").write_text(
        "tomogram\tsplit\tpicks\tslab_z_high\tvoxel_size\n"
        "TS_1\tlabeled\t\t800\t\nTS_2_10.00Apx\ttest\tmine.star; mine.star\t\t9.5\n"
    )
    one, other, two = rows(splits="splits.tsv", picks={"labeled": "picks"})
    assert (one.split, one.slab_z_high) == ("labeled", 800)
    assert one.picks == (Path("picks/TS_1_ribosome.star"),)
    assert (other.tomogram, other.split, other.picks) == ("TS_1_a", "predict", ())
    assert (two.voxel_size, len(two.picks)) == (9.5, 2)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("TS_9\tlabeled\n", "line 2: .* has no tomogram TS_9, it has TS_1, TS_2; fix"),
        ("TS_1\ttest\nTS_1\ttest\n", "line 3: tomogram TS_1 stands in line 2 already"),
        ("TS_1\tlabeled\n", "line 2: .*tomogram TS_1 is labeled but has no picks"),
        ("TS_1\t\n", "line 2: split: "),
        ("TS_1\ttrain\n", "line 2: split: .*'train'"),
    ],
)
def test_wrong_splits_are_named_with_their_line(project, text, match):
    Path("splits.tsv").write_text(f"tomogram\tsplit\n{text}")
    with pytest.raises(ValueError, match=match):
        rows(splits="splits.tsv")
    with pytest.raises(
        ValueError, match=r"none\.tsv does not exist.*tomograms\.splits: null"
    ):
        rows(splits="none.tsv")
    with pytest.raises(ValueError, match=r"none does not exist; check tomograms"):
        rows(picks={"labeled": "none"})
