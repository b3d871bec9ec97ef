"""Calibration: which tomograms thresholds are chosen on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from picker.config import (
    CalibrateSettings,
    PartialSettings,
    Particle,
    PickSettings,
)
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.thresholds import read_thresholds
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


def chosen(folder, entries, partial=None, copies="noise", **picking):
    write_predicted(folder / "shard.json", entries)
    calibrate_thresholds(
        [folder / "shard.json"],
        folder / "t.json",
        PARTICLES,
        CalibrateSettings(copies=copies),
        PickSettings(**picking),
        PartialSettings(**(partial or {})),
    )
    content = json.loads((folder / "t.json").read_text())
    assert content["model"] == MODEL
    return content["particles"]["ribosome"]


def test_thresholds_say_which_split_they_are_chosen_on(candidates, tmp_path):
    found = chosen(tmp_path, [entry(candidates, "validation")])
    assert found["threshold"] == pytest.approx(0.6)
    assert (found["num_truth"], found["source"]) == (3, "validation")
    assert found["f"] == pytest.approx(0.8)


def test_a_method_without_labels_has_a_threshold_of_its_own(
    candidates, tmp_path, caplog
):
    """What a test tomogram's labels say stays unused."""
    caplog.set_level("INFO")
    entries = [entry(candidates, "predict", labels=None), entry(candidates, "test")]
    write_predicted(tmp_path / "shard.json", entries)
    run = [[tmp_path / "shard.json"], tmp_path / "t.json", PARTICLES]
    settings = [CalibrateSettings(), PickSettings(), PartialSettings()]
    with pytest.raises(ValueError, match="is split test"):
        calibrate_thresholds(*run, *settings)
    calibrate_thresholds(*run, *settings, "blobs")
    found = read_thresholds(tmp_path / "t.json", MODEL, ["ribosome"])
    assert found.lowest == {"ribosome": 0.5}
    assert found.particles["ribosome"].source == "none"
    assert "it is what blobs.threshold_sd gives that score" in caplog.text
    write_predicted(tmp_path / "shard.json", [entry(candidates, "labeled")])
    calibrate_thresholds(*run, *settings, "blobs")
    known = read_thresholds(tmp_path / "t.json", MODEL, ["ribosome"])
    assert known.particles["ribosome"].source == "labeled"


def test_a_class_that_is_not_learned_is_told_with_what_to_do(
    candidates, tmp_path, caplog
):
    # The candidates that are left lie at no known particle.
    found = read_picks(candidates)
    write_picks(candidates, found.select(found.score < 0.5))
    assert chosen(tmp_path, [entry(candidates, "labeled")])["threshold"] == 1.0
    assert "warning: ribosome is not learned and gets no picks" in caplog.text
    assert "pick.thresholds" in caplog.text


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


@pytest.fixture
def part(tmp_path):
    """Return 40 candidates on a line, the first 30 right, 20 of these with a label."""
    places = [[50.0, 50.0, 100.0 * i] for i in range(40)]
    score = np.linspace(0.9, 0.2, 40)
    found = picks_from_arrays(places, ["ribosome"] * 40, score)
    write_picks(tmp_path / "found.star", found)
    known = picks_from_arrays(places[:30:3] + places[1:30:3], ["ribosome"] * 20)
    write_picks(tmp_path / "known.star", known)
    return tmp_path / "found.star"


def of_part(part, *, name="TS_1", **more):
    labels = part.with_name("known.star")
    return predicted(
        part, name, "partial", labels=labels, shape_zyx=(20, 20, 500), **more
    )


def test_thresholds_of_partial_tomograms_say_what_they_rest_on(part, tmp_path, caplog):
    caplog.set_level("INFO")
    found = chosen(tmp_path, [of_part(part, expected={"ribosome": 30})])
    # 4 of 20 are held out, 16 train, so 14 of the expected ones are left.
    assert (found["source"], found["num_truth"]) == ("partial", 4)
    assert found["partial"] == {
        "rule": "f1",
        "number": 14.0,
        "number_is": "expected",
        "recall": 1.0,
    }
    assert "reliability" not in found
    said = caplog.text
    assert "the highest F, " in said
    assert "14 expected particles without a label that trained" in said
    assert "finds 1.00 of 4 held-out labels" in said
    double = chosen(
        tmp_path,
        [of_part(part, expected={"ribosome": 30})],
        partial={"expected_factor": 2, "held_out": 0},
    )
    assert (double["partial"]["rule"], double["partial"]["number"]) == ("labels", 40)
    assert "f" not in double or double["f"] is None
    # The table that picking reads takes them as they are.
    saved = read_thresholds(tmp_path / "t.json", MODEL, ["ribosome"])
    assert saved.lowest == {"ribosome": double["threshold"]}


def test_without_an_expected_number_it_is_estimated_and_said(part, tmp_path, caplog):
    caplog.set_level("INFO")
    found = chosen(tmp_path, [of_part(part)])
    assert found["partial"]["number_is"] == "estimated"
    assert "an estimated " in caplog.text


def test_expected_particles_of_which_none_is_found_are_told(part, tmp_path, caplog):
    labels = part.with_name("known.star")
    found = read_picks(part).of("ribosome")
    at_labels = [float(x) for x in read_picks(labels).position_zyx[:, 2]]
    there = [float(x) in at_labels for x in found.position_zyx[:, 2]]
    write_picks(part, found.select(np.array(there)))
    entry = of_part(part, expected={"ribosome": 30})
    chosen_one = chosen(tmp_path, [entry], partial={"held_out": 0})
    assert chosen_one["threshold"] == 0.5
    assert "10 more particles are expected, and no candidate is found" in caplog.text


def test_without_anything_to_go_by_the_log_says_what_to_do(part, tmp_path, caplog):
    found = chosen(tmp_path, [of_part(part)], partial={"held_out": 0})
    assert (found["threshold"], found["partial"]["rule"]) == (0.5, "none")
    assert "warning: ribosome: threshold 0.500, which rests on nothing" in caplog.text
    assert "in pick.thresholds" in caplog.text


def test_labels_at_the_edges_are_not_expected_either(part, tmp_path):
    """The margin takes the first candidate, and its label from the number."""
    entry = of_part(part, expected={"ribosome": 30})
    found = chosen(tmp_path, [entry], edge_margin=45.0, partial={"held_out": 0})
    whole = chosen(tmp_path, [entry], partial={"held_out": 0})
    assert found["partial"]["number"] == whole["partial"]["number"] == 10


def test_partial_tomograms_and_complete_ones_are_not_mixed(candidates, tmp_path):
    both = [entry(candidates, "labeled"), entry(candidates, "partial", name="TS_2")]
    with pytest.raises(ValueError, match="TS_2 are partial and the others are not"):
        chosen(tmp_path, both)


def test_thresholds_rest_on_halves_where_the_settings_say_so(candidates, tmp_path):
    whole = entry(candidates, "labeled")
    halves = []
    for half, score in (("even", 0.6), ("odd", 0.5)):
        path = tmp_path / f"{half}.star"
        write_picks(path, picks_from_arrays([[50, 20, 20]], ["ribosome"], [score]))
        halves.append(replace(entry(path, "labeled"), half=half))
    alone = chosen(tmp_path, [whole])
    found = chosen(tmp_path, [whole, *halves], copies="halves")
    assert found["num_truth"] == 3 * alone["num_truth"]
    assert found["threshold"] < 0.5 < alone["threshold"]
    two = replace(whole, preprocessed=replace(whole.preprocessed, tomogram="TS_2"))
    with pytest.raises(ValueError, match=r"no candidates of the halves of TS_2; exp"):
        chosen(tmp_path, [whole, *halves, two], copies="halves")
    # Validation tomograms need no copies.
    chosen(tmp_path, [entry(candidates, "validation")], copies="halves")
