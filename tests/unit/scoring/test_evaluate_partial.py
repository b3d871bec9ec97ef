from __future__ import annotations

import json

import pytest

from picker.config import EvaluateSettings
from picker.core.picks import concatenate, no_picks
from picker.scoring.evaluate_partial import (
    PartialTruth,
    metrics_of_partial,
    partial_tomogram_rows,
    recall_rows,
)
from tests.unit.scoring.examples import RIBOSOME, VLP, on_line
from tests.unit.scoring.test_found_labels import labels

PARTICLES = (RIBOSOME, VLP)


def truth(**by_tomogram):
    return PartialTruth(by_tomogram=by_tomogram, particles=PARTICLES)


def test_recall_by_hand():
    candidates = on_line([0, 300, 660, 900, 1200, 5000], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    # Trained: 0. Held out: 300, 600 (60 Å away), 1200 and one without a candidate.
    known = truth(a=labels([0], [300, 600, 1200, 9000], ribosome=2))
    picks = candidates.select(candidates.score > 0.55)
    found = metrics_of_partial(
        {"a": picks}, {"a": candidates}, known, EvaluateSettings(), {"ribosome": 0.55}
    )
    quarter, half = ({"mean": f, "ribosome": f, "vlp": None} for f in (0.25, 0.5))
    assert found == {
        "recall@0.5": quarter,
        "recall@0.75": half,  # 60 Å away is found there
        "recall_top_n@0.5": quarter,  # 0 and 300
        "recall_top_2n@0.5": quarter,
        "recall_all@0.5": half,
        "n": {"ribosome": 2, "vlp": 0},
        "n_is": {"ribosome": "expected", "vlp": "labels"},
        "labels": {"ribosome": "held out", "vlp": "none"},
        "thresholds": {"ribosome": 0.55},
        "num_tomograms": 1,
        "num_truth": {"ribosome": 4, "vlp": 0},
        "num_picks": {"ribosome": 4, "vlp": 0},
        "split": "partial",
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_without_a_number_n_counts_labels_and_without_held_out_ones_all_do():
    known = truth(a=labels([0, 300, 600], []), b=labels([0], [], ribosome=5))
    candidates = {
        "a": on_line([0, 300], [0.9, 0.2]),
        "b": on_line([400 * i for i in range(9)], [0.8] * 9),
    }
    found = metrics_of_partial({}, candidates, known, EvaluateSettings(), {})
    assert found["n"]["ribosome"] == 3 + 5
    assert found["n_is"]["ribosome"] == "labels"
    assert found["labels"] == {"ribosome": "trained", "vlp": "none"}
    assert found["num_truth"]["ribosome"] == 4
    assert found["recall@0.5"]["ribosome"] == 0  # no picks
    assert found["recall_top_n@0.5"]["ribosome"] == pytest.approx(2 / 4)
    assert found["recall_all@0.5"]["ribosome"] == pytest.approx(3 / 4)


def test_recall_against_the_number_of_picks():
    candidates = on_line([0, 300, 600, 900], [0.9, 0.5, 0.5, 0.25])
    known = truth(a=labels([], [300, 900]))
    rows = recall_rows({"a": candidates}, known, 0.5)
    assert [tuple(row.values()) for row in rows] == [
        ("ribosome", pytest.approx(0.9), 1, 0.0),
        ("ribosome", 0.5, 3, 0.5),
        ("ribosome", 0.25, 4, 1.0),
    ]
    assert len(recall_rows({"a": candidates}, known, 0.5, max_points=2)) == 2
    assert recall_rows({}, known, 0.5) == []
    assert recall_rows({"a": candidates}, truth(a=labels([], [])), 0.5) == []


def test_each_tomogram_has_what_is_found_and_missed_and_nothing_is_wrong():
    known = truth(
        good=labels([900], [0, 300]),
        bad=labels([], [0, 300]),
        empty=labels([900], []),
    )
    picks = {
        "good": concatenate(
            [on_line([0, 300, 5000], [1] * 3), on_line([7], [1], "vlp")]
        ),
        "bad": on_line([0], [1]),
        "elsewhere": on_line([0], [1]),
    }
    rows = partial_tomogram_rows(picks, known, 0.5)
    assert list(rows[0]) == [
        "tomogram",
        "particle",
        "found",
        "missed",
        "picks",
        "recall",
    ]
    assert [tuple(row.values()) for row in rows] == [
        ("bad", "all", 1, 1, 1, 0.5),
        ("bad", "ribosome", 1, 1, 1, 0.5),
        ("bad", "vlp", 0, 0, 0, None),
        ("good", "all", 2, 0, 4, 1.0),
        ("good", "ribosome", 2, 0, 3, 1.0),
        ("good", "vlp", 0, 0, 1, None),
        ("empty", "all", 0, 0, 0, None),
        ("empty", "ribosome", 0, 0, 0, None),
        ("empty", "vlp", 0, 0, 0, None),
    ]


def test_a_tomogram_without_picks_misses_its_labels():
    known = truth(a=labels([], [0]))
    (row, *_) = partial_tomogram_rows({"a": no_picks()}, known, 0.5)
    assert (row["found"], row["missed"], row["recall"]) == (0, 1, 0.0)
