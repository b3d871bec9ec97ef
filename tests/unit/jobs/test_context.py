"""Picks with their surroundings: from a tomogram's record and files to its picks."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from picker.__main__ import main
from picker.config import CalibrateSettings, PartialSettings, Particle, PickSettings
from picker.core.gold import Bead
from picker.core.picks import picks_from_arrays
from picker.core.slab import level_slab
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.volumes.mrc import write_volume
from picker.jobs.calibrate import calibrate_thresholds
from picker.jobs.context import may_be_by_context
from picker.project.manifests import read_picked
from picker.project.records import Failed
from tests.unit.predicted import (
    calibrated,
    predicted,
    preprocessed,
    thresholds_of,
    write_predicted,
)

SHAPE, V = (20, 40, 60), 10.0
PLACES = [[100.0, 200.0, x] for x in (100.0, 250.0, 400.0)]


def write_membranes(path, x):
    """Write a membrane that is a plane; its first voxel is at x [voxels]."""
    mask = np.zeros(SHAPE, np.float32)
    if x is not None:
        mask[:, :, x:] = 1
    write_volume(path, mask, V)
    return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Three tomograms: with membranes, with a file without any, and without one."""
    monkeypatch.chdir(tmp_path)
    write_picks(tmp_path / "c.star", picks_from_arrays(PLACES, ["a"] * 3, [0.9] * 3))
    of = {
        "TS_1": write_membranes(tmp_path / "m1.mrc", 45),
        "TS_2": write_membranes(tmp_path / "m2.mrc", None),
        "TS_3": None,
    }
    entries = [
        predicted(
            tmp_path / "c.star",
            name,
            "test",
            shape_zyx=SHAPE,
            membranes=membranes,
            slab=level_slab(30, 180),
            gold=(Bead(z=100, y=200, x=0, radius=30),),
        )
        for name, membranes in of.items()
    ]
    write_predicted(tmp_path / "predicted.json", entries)
    (tmp_path / "particles.json").write_text('[{"name": "a", "radius": 30}]')
    (tmp_path / "t.json").write_text(thresholds_of({"a": calibrated()}))

    def pick(context):
        (tmp_path / "pick.json").write_text(json.dumps({"context": context}))
        words = "pick --manifests predicted.json --thresholds t.json --settings"
        words += " particles.json pick.json --picks picks --output picked.json"
        assert main(words.split()) == 0
        return {e.tomogram: e for e in read_picked([tmp_path / "picked.json"])}

    return pick


def test_columns_are_of_what_is_known(project):
    found = project({"columns": True})
    first, second, third = (read_picks(e.picks).context for e in found.values())
    np.testing.assert_allclose(first["membrane"], [347.5, 197.5, 47.5])
    np.testing.assert_allclose(first["faces"], 70)
    np.testing.assert_allclose(first["edge"], 90)
    np.testing.assert_allclose(first["gold"], [70, 220, 370])
    assert first["density"][0] > 0
    assert np.isposinf(second["membrane"]).all()
    assert "membrane" not in third


def test_without_settings_files_are_as_they_were(project, tmp_path):
    found = project({})
    lines = found["TS_1"].picks.read_text().splitlines()
    write_picks(tmp_path / "as_it_was.star", read_picks(tmp_path / "c.star"))
    before = (tmp_path / "as_it_was.star").read_text().splitlines()
    assert [line for line in lines if line[:1] != "#"] == before[1:]


def test_a_filter_fails_what_it_cannot_tell_and_no_other(project):
    found = project({"membrane": {"a": [0, 200]}})
    assert [found[name].counts for name in ("TS_1", "TS_2")] == [{"a": 2}, {"a": 0}]
    bad = found["TS_3"]
    assert isinstance(bad, Failed)
    assert "pick.context.membrane filters by what is not known of TS_3" in bad.error


def test_a_filter_may_keep_what_it_cannot_tell(project, capsys):
    found = project({"membrane": {"all": [0, 200]}, "unknown": "keep"})
    assert [e.counts["a"] for e in found.values()] == [2, 0, 3]
    told = "pick.context.membrane drops nothing: its membranes are not known"
    err = capsys.readouterr().err
    assert told in err
    assert "tomograms.folder.membranes (TS_3)" in err
    assert [len(e.warnings) for e in found.values()] == [0, 0, 1]
    # The report's Problems have it too.
    assert told in found["TS_3"].warnings[0]


def test_a_file_of_another_shape_fails_its_tomogram_alone(project, tmp_path):
    write_volume(tmp_path / "m2.mrc", np.ones((3, 40, 60), np.float32), V)
    found = project({"columns": True})
    assert isinstance(found["TS_2"], Failed)
    assert "m2.mrc has shape (3, 40, 60)" in found["TS_2"].error
    assert found["TS_1"].counts == found["TS_3"].counts == {"a": 3}


def test_replaced_membranes_make_picks_anew(project, tmp_path):
    context = {"membrane": {"all": [0, 200]}, "unknown": "keep"}
    found = project(context)
    times = {name: e.picks.stat().st_mtime_ns for name, e in found.items()}
    write_membranes(tmp_path / "m1.mrc", 50)
    os.utime(tmp_path / "m1.mrc", ns=(1, 1))  # by an older file
    again = project(context)
    assert again["TS_1"].counts == {"a": 1}
    same = {n for n, e in again.items() if e.picks.stat().st_mtime_ns == times[n]}
    assert same == {"TS_2", "TS_3"}


def test_picks_that_are_left_are_counted_for_densities(project):
    # The first has a neighbour that the other filter drops.
    context = {"density_radius": 200, "density": {"all": [1, None]}}
    assert project(context)["TS_1"].counts == {"a": 3}
    context["faces"] = {"a": [0, None]}
    context["gold"] = {"a": [None, 100]}
    assert project(context)["TS_1"].counts == {"a": 0}


def test_a_rescaled_volume_s_membranes_are_in_the_file_s_voxels(tmp_path):
    entry = preprocessed(
        shape_zyx=(10, 20, 30),
        voxel_size=20.0,
        source_shape_zyx=SHAPE,
        source_voxel_size=V,
        membranes=write_membranes(tmp_path / "m.mrc", 45),
    )
    picks = picks_from_arrays(PLACES, ["a"] * 3)
    settings = PickSettings(context={"membrane": {"a": (40, 50)}}).context
    assert may_be_by_context(picks, entry, settings).tolist() == [False, False, True]


def test_thresholds_count_neither_labels_nor_candidates_that_a_filter_drops(tmp_path):
    names = ["a"] * 4
    places = [*PLACES, [100.0, 200.0, 480.0]]
    # What lies beyond 300 Å is wrong, and scores high.
    scores = [0.5, 0.4, 0.95, 0.9]
    write_picks(tmp_path / "c.star", picks_from_arrays(places, names, scores))
    write_picks(
        tmp_path / "known.star",
        picks_from_arrays([*places[:2], [100.0, 100.0, 400.0]], names[:3]),
    )
    entry = predicted(
        tmp_path / "c.star",
        "TS_1",
        "validation",
        shape_zyx=SHAPE,
        labels=tmp_path / "known.star",
        membranes=write_membranes(tmp_path / "m.mrc", 30),
    )
    write_predicted(tmp_path / "shard.json", [entry])
    found = {}
    for name, context in (("none", {}), ("far", {"membrane": {"a": (10, None)}})):
        calibrate_thresholds(
            [tmp_path / "shard.json"],
            tmp_path / "t.json",
            (Particle(name="a", radius=30),),
            CalibrateSettings(),
            PickSettings(context=context),
            PartialSettings(),
        )
        text = (tmp_path / "t.json").read_text()
        found[name] = json.loads(text)["particles"]["a"]
    assert (found["none"]["num_truth"], found["far"]["num_truth"]) == (3, 2)
    assert found["none"]["f"] < 0.7
    assert found["far"]["f"] == 1.0
