from __future__ import annotations

import json

import pytest

from picker.config import EvaluateSettings
from picker.core.picks import concatenate, no_picks, picks_from_arrays
from picker.scoring.evaluate import metrics, tomogram_rows
from tests.unit.scoring.examples import RIBOSOME, VLP, on_line


def test_metrics_by_hand() -> None:
    truth = {
        "a": on_line([0, 300], [1, 1]),
        "b": on_line([0], [1]),
        "c": on_line([0], [1], "other"),
    }
    # 60 Å away is right at 0.75 of the radius only; "b" has no picks at all.
    picks = {"a": on_line([10, 360, 800], [0.9, 0.8, 0.7]), "c": no_picks()}
    found = metrics(
        picks, truth, [RIBOSOME, VLP], EvaluateSettings(), {"ribosome": 0.4, "vlp": 1.0}
    )
    assert list(found) == [
        "f1@0.5",
        "f1@0.75",
        "precision@0.5",
        "recall@0.5",
        "kaggle_f4",
        "kaggle_f4_by_particle",
        "kaggle_f4_per_pick",
        "kaggle_f4_per_pick_by_particle",
        "thresholds",
        "num_tomograms",
        "num_truth",
        "num_picks",
    ]
    third = pytest.approx(1 / 3)
    two_thirds = pytest.approx(2 / 3)
    assert found["f1@0.5"] == {"mean": third, "ribosome": third, "vlp": None}
    assert found["f1@0.75"] == {"mean": two_thirds, "ribosome": two_thirds, "vlp": None}
    assert found["precision@0.5"] == {"mean": third, "ribosome": third, "vlp": None}
    assert found["recall@0.5"]["ribosome"] == third
    assert found["kaggle_f4"] == pytest.approx((1 / 3) / 3)
    assert found["kaggle_f4_by_particle"] == {"ribosome": third, "vlp": 0.0}
    assert found["kaggle_f4_per_pick"] == found["kaggle_f4"]
    assert found["thresholds"] == {"ribosome": 0.4, "vlp": 1.0}
    assert found["num_tomograms"] == 3
    assert found["num_truth"] == {"ribosome": 3, "vlp": 0}
    assert found["num_picks"] == {"ribosome": 3, "vlp": 0}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_metrics_of_a_class_with_picks_but_no_particle_are_zero() -> None:
    truth = {"a": on_line([0], [1])}
    both = picks_from_arrays([[0, 0, 0], [0, 0, 9]], ["ribosome", "vlp"])
    found = metrics({"a": both}, truth, [RIBOSOME, VLP], EvaluateSettings(), {})
    assert found["f1@0.5"] == {"mean": 0.5, "ribosome": 1.0, "vlp": 0.0}


def test_metrics_of_nothing() -> None:
    one = EvaluateSettings(distances_per_radius=(1.0,))
    found = metrics({}, {"a": no_picks()}, [RIBOSOME], one, {}, split="test")
    assert found["f1@1"] == {"mean": None, "ribosome": None}
    assert found["split"] == "test"
    json.dumps(found, allow_nan=False)


def test_each_tomogram_has_its_counts_and_the_worst_stands_first():
    def at(*x, name="ribosome"):
        return picks_from_arrays([[0.0, 0.0, v] for v in x], [name] * len(x))

    truth = {
        "good": at(0.0, 500.0, 1000.0),
        "bad": concatenate([at(0.0, 500.0), at(900.0, name="vlp")]),
        "empty": no_picks(),
        "quiet": no_picks(),
    }
    picks = {
        "good": at(10.0, 510.0, 990.0, 3000.0),
        "bad": at(2000.0, 510.0),
        "empty": at(7.0, name="vlp"),
        "elsewhere": at(1.0),
    }
    rows = tomogram_rows(picks, truth, (RIBOSOME, VLP), 0.5)
    keys = ("tomogram", "particle", "right", "wrong", "missed")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("empty", "all", 0, 1, 0),
        ("empty", "ribosome", 0, 0, 0),
        ("empty", "vlp", 0, 1, 0),
        ("bad", "all", 1, 1, 2),
        ("bad", "ribosome", 1, 1, 1),
        ("bad", "vlp", 0, 0, 1),
        ("good", "all", 3, 1, 0),
        ("good", "ribosome", 3, 1, 0),
        ("good", "vlp", 0, 0, 0),
        ("quiet", "all", 0, 0, 0),
        ("quiet", "ribosome", 0, 0, 0),
        ("quiet", "vlp", 0, 0, 0),
    ]
    f1 = [row["f1"] for row in rows]
    assert f1[0] == 0
    assert f1[1] is None
    assert f1[3] == pytest.approx(2 / 5)
    assert f1[6] == pytest.approx(6 / 7)
    assert f1[8] is None


def test_a_match_distance_in_voxels_is_that_of_each_tomograms_file() -> None:
    truth = {"a": on_line([0], [1]), "b": on_line([0], [1])}
    picks = {name: on_line([60], [0.9]) for name in truth}
    settings = EvaluateSettings(distances_per_radius=(0.5,), distance_voxels=10)
    found = metrics(
        picks, truth, [RIBOSOME, VLP], settings, {}, voxel_size={"a": 5.0, "b": 7.0}
    )
    assert list(found)[:2] == ["f1@0.5", "f1@10voxels"]
    assert found["f1@10voxels"] == {"mean": 0.5, "ribosome": 0.5, "vlp": None}
    assert found["f1@0.5"]["mean"] == 0.0
