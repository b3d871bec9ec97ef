from __future__ import annotations

import numpy as np
import pytest

from picker.core.picks import Picks, no_picks, picks_from_arrays
from picker.scoring.curves import curve_rows, curves, precision_recall_curve
from picker.scoring.match import pooled_matches
from tests.unit.scoring.examples import RIBOSOME


def random_picks(random: np.random.Generator, num: int) -> Picks:
    return picks_from_arrays(
        random.uniform(0, 300, (num, 3)),
        ["ribosome"] * num,
        random.integers(1, 20, num) / 20,
    )


def test_curve_by_hand() -> None:
    scores = np.array([0.4, 0.9, 0.8, 0.8, 0.2])
    is_true = np.array([True, True, False, True, False])
    curve = precision_recall_curve(scores, is_true, 4)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.4, 0.2]
    assert curve.precision.tolist() == pytest.approx([1, 2 / 3, 3 / 4, 3 / 5])
    assert curve.recall.tolist() == pytest.approx([1 / 4, 2 / 4, 3 / 4, 3 / 4])
    assert curve.average_precision == pytest.approx((1 + 2 / 3 + 3 / 4) / 4)


def test_curve_agrees_with_matching_at_each_threshold() -> None:
    random = np.random.default_rng(3)
    truth = {"a": random_picks(random, 30), "b": random_picks(random, 20)}
    picks = {"a": random_picks(random, 90), "b": random_picks(random, 50)}
    curve = curves(picks, truth, [RIBOSOME], 0.5)["ribosome"]
    assert (np.diff(curve.recall) >= 0).all()
    assert (np.diff(curve.threshold) < 0).all()
    for index in range(0, len(curve.threshold), 7):
        cut = curve.threshold[index]
        kept = {name: p.select(p.score >= cut) for name, p in picks.items()}
        _, is_true, num = pooled_matches(kept, truth, RIBOSOME, 0.5)
        assert curve.precision[index] == pytest.approx(is_true.mean())
        assert curve.recall[index] == pytest.approx(is_true.sum() / num)


def test_curve_without_picks_or_truth() -> None:
    empty = precision_recall_curve(np.empty(0), np.empty(0, np.bool_), 3)
    assert len(empty.threshold) == 0
    assert empty.average_precision == 0.0
    assert curve_rows({"ribosome": empty}) == []
    untrue = precision_recall_curve(np.array([0.5]), np.array([False]), 0)
    assert untrue.recall.tolist() == [0.0]
    assert curves({}, {"a": no_picks()}, [RIBOSOME], 0.5) == {}


def test_curve_rows_are_few_and_keep_both_ends() -> None:
    scores = np.linspace(1, 0.1, 2000)
    curve = precision_recall_curve(scores, scores > 0.5, 1500)
    rows = curve_rows({"ribosome": curve}, max_points=100)
    assert len(rows) == 100
    assert rows[0]["threshold"] == 1.0
    assert rows[-1]["threshold"] == pytest.approx(0.1)
    assert rows[-1]["recall"] == curve.recall[-1]
    assert set(rows[0]) == {"particle", "threshold", "precision", "recall"}
