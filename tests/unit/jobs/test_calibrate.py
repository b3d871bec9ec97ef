"""Calibration: which tomograms thresholds are chosen on."""

import json

import pytest

from picker.config import CalibrateSettings, Particle, PickSettings
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.jobs.calibrate import calibrate_thresholds
from picker.project.records import failed
from tests.unit.predicted import MODEL, predicted, write_predicted

PARTICLES = (Particle(name="ribosome", radius=20),)


@pytest.fixture
def candidates(tmp_path):
    """Two right candidates and a wrong one; of another right one only the label."""
    places = [[50, 20, 20], [50, 60, 60], [50, 90, 20], [50, 20, 80]]
    names = ["ribosome"] * 4
    found = picks_from_arrays(places[:3], names[:3], [0.9, 0.8, 0.4])
    write_picks(tmp_path / "found.star", found)
    known = picks_from_arrays([*places[:2], places[3]], names[:3])
    write_picks(tmp_path / "known.star", known)
    return tmp_path / "found.star"


def entry(candidates, split, *, name="TS_1", labels="known.star"):
    labels = candidates.with_name(labels) if labels else None
    return predicted(candidates, name, split, labels=labels)


def chosen(folder, entries, **picking):
    write_predicted(folder / "shard.json", entries)
    calibrate_thresholds(
        [folder / "shard.json"],
        folder / "t.json",
        PARTICLES,
        CalibrateSettings(),
        PickSettings(**picking),
    )
    content = json.loads((folder / "t.json").read_text())
    assert content["model"] == MODEL
    return content["particles"]["ribosome"]


def test_thresholds_say_which_split_they_are_chosen_on(candidates, tmp_path):
    found = chosen(tmp_path, [entry(candidates, "validation")])
    assert found["threshold"] == pytest.approx(0.6)
    assert (found["num_truth"], found["source"]) == (3, "validation")
    assert found["f"] == pytest.approx(0.8)


def test_tomograms_without_labels_are_passed_over(candidates, tmp_path):
    other = entry(candidates, "unlabeled", name="TS_2", labels=None)
    assert chosen(tmp_path, [other, entry(candidates, "labeled")])["num_truth"] == 3
    with pytest.raises(ValueError, match="needs tomograms with labels"):
        chosen(tmp_path, [other])


def test_particles_at_the_edges_count_neither_as_found_nor_as_missed(
    candidates, tmp_path
):
    found = chosen(tmp_path, [entry(candidates, "labeled")], edge_margin=25.0)
    assert (found["num_truth"], found["f"]) == (1, 1.0)


def test_test_tomograms_are_refused(candidates, tmp_path):
    with pytest.raises(ValueError, match="TS_1 is split test; thresholds are chosen"):
        chosen(tmp_path, [entry(candidates, "test")])


def test_one_that_failed_is_not_left_out_unnoticed(candidates, tmp_path):
    good = entry(candidates, "labeled")
    bad = failed(entry(candidates, "labeled", name="TS_2"), candidates, "no disk")
    with pytest.raises(ValueError, match="TS_2 cannot be used: no disk"):
        chosen(tmp_path, [good, bad])
