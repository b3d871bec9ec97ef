from __future__ import annotations

import json

import numpy as np
import pytest

from picker.config import EvaluateSettings, Particle
from picker.core.picks import Picks, concatenate, no_picks, picks_from_arrays
from picker.scoring.evaluate import (
    best_threshold,
    curve_rows,
    curves,
    kaggle_counts,
    kaggle_score,
    metrics,
    precision_recall_curve,
    tomogram_rows,
)
from picker.scoring.match import Counts, match_picks, pooled_matches

RIBOSOME = Particle(name="ribosome", radius=100.0, weight=1.0)
AMYLASE = Particle(name="beta-amylase", radius=60.0, weight=0.0)
VLP = Particle(name="vlp", radius=100.0, weight=2.0)
FREE = 50.0


def on_line(x: list[float], score: list[float], particle: str = "ribosome") -> Picks:
    """Return picks along x [Å]."""
    return picks_from_arrays(
        [[0.0, 0.0, v] for v in x], [particle] * len(x), np.array(score, np.float32)
    )


def matched(
    picks: list[float], score: list[float], truth: list[float], distance: float = FREE
) -> list[int]:
    made = on_line(picks, score)
    known = on_line(truth, [1.0] * len(truth))
    found = match_picks(made.position_zyx, made.score, known.position_zyx, distance)
    return found.tolist()


@pytest.mark.parametrize(
    ("picks", "score", "truth", "expected"),
    [
        pytest.param([0, 200], [0.9, 0.8], [210, 5], [1, 0], id="each its own"),
        pytest.param([0, 10], [0.5, 0.9], [12], [-1, 0], id="higher score wins"),
        pytest.param([0, 10], [0.9, 0.5], [12], [0, -1], id="though farther"),
        pytest.param([20], [0.9], [0, 30], [1], id="nearest particle"),
        pytest.param([10, 20], [0.9, 0.5], [12, 40], [0, 1], id="next free one"),
        pytest.param([10, 12], [0.7, 0.7], [13], [-1, 0], id="equal score: nearest"),
        pytest.param([10, 16], [0.7, 0.7], [13], [0, -1], id="all equal: first pick"),
        pytest.param([15], [0.7], [20, 10], [0], id="all equal: first particle"),
        pytest.param([7, 7], [0.7, 0.7], [7, 7], [0, 1], id="same place"),
        pytest.param([], [], [1], [], id="no picks"),
        pytest.param([1], [0.3], [], [-1], id="no particles"),
    ],
)
def test_match_table(
    picks: list[float], score: list[float], truth: list[float], expected: list[int]
) -> None:
    assert matched(picks, score, truth) == expected


def test_distance_is_inclusive() -> None:
    assert matched([0], [0.9], [50], 50.0) == [0]
    assert matched([0], [0.9], [50], np.nextafter(50.0, 0)) == [-1]
    diagonal = np.array([[3.0, 4.0, 12.0]])
    nothing = np.zeros((1, 3))
    assert match_picks(diagonal, np.ones(1, np.float32), nothing, 13.0)[0] == 0


def brute_force(
    position: np.ndarray, score: np.ndarray, truth: np.ndarray, distance: float
) -> list[int]:
    found, free = [-1] * len(position), set(range(len(truth)))
    for i in sorted(range(len(position)), key=lambda k: -score[k]):
        near = {j: float(np.linalg.norm(position[i] - truth[j])) for j in free}
        near = {j: d for j, d in near.items() if d <= distance}
        if near:
            found[i] = min(near, key=lambda j: near[j])
            free.remove(found[i])
    return found


@pytest.mark.parametrize("seed", range(5))
def test_matches_like_loops(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.uniform(0, 300, (40, 3))
    position = random.uniform(0, 300, (120, 3))
    score = random.permutation(120).astype(np.float32) / 120
    found = match_picks(position, score, truth, 60.0)
    assert found.tolist() == brute_force(position, score, truth, 60.0)
    assert (found >= 0).sum() > 20
    # The order of the lines in a file changes nothing.
    mixed = random.permutation(120)
    assert (
        match_picks(position[mixed], score[mixed], truth, 60.0) == found[mixed]
    ).all()
    # Nor does a threshold change the matches above it.
    high = score >= 0.5
    assert (match_picks(position[high], score[high], truth, 60.0) == found[high]).all()


def test_matches_many_picks() -> None:
    random = np.random.default_rng(0)
    position = random.uniform(0, 6000, (100_000, 3))
    score = random.random(100_000, np.float32)
    found = match_picks(position, score, position[::50] + 1.0, 60.0)
    assert len(np.unique(found[found >= 0])) == (found >= 0).sum() == 2000


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1", "f4"),
    [
        ((8, 2, 0), 0.8, 1.0, 16 / 18, 17 * 0.8 / (16 * 0.8 + 1)),
        ((3, 1, 3), 0.75, 0.5, 0.6, 17 * 0.375 / (12 + 0.5)),
        ((0, 5, 0), 0.0, 0.0, 0.0, 0.0),
        ((0, 0, 5), 0.0, 0.0, 0.0, 0.0),
        ((0, 0, 0), 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_counts_table(
    counts: tuple[int, int, int], precision: float, recall: float, f1: float, f4: float
) -> None:
    made = Counts(tp=counts[0], fp=counts[1], fn=counts[2])
    assert made.precision == pytest.approx(precision)
    assert made.recall == pytest.approx(recall)
    assert made.f() == pytest.approx(f1)
    assert made.f(4.0) == pytest.approx(f4)


def test_pools_over_the_tomograms_of_the_truth() -> None:
    picks = {
        "a": on_line([0, 500], [0.9, 0.4]),
        "not judged": on_line([0], [0.8]),
    }
    truth = {"a": on_line([10], [1]), "no picks": on_line([0, 300], [1, 1])}
    scores, is_true, num_truth = pooled_matches(picks, truth, RIBOSOME, 0.5)
    assert scores.tolist() == pytest.approx([0.9, 0.4])
    assert is_true.tolist() == [True, False]
    assert num_truth == 3


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


def random_picks(random: np.random.Generator, num: int) -> Picks:
    return picks_from_arrays(
        random.uniform(0, 300, (num, 3)),
        ["ribosome"] * num,
        random.integers(1, 20, num) / 20,
    )


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


@pytest.mark.parametrize(
    ("scores", "is_true", "num_truth", "beta", "threshold", "f"),
    [
        pytest.param([0.9, 0.7, 0.3], [1, 1, 0], 2, 1.0, 0.5, 1.0, id="midpoint"),
        pytest.param([0.3, 0.7, 0.9], [0, 1, 1], 2, 1.0, 0.5, 1.0, id="any order"),
        pytest.param([0.8, 0.6], [1, 1], 2, 1.0, 0.3, 1.0, id="all right: half lowest"),
        pytest.param([0.9, 0.5, 0.5], [1, 1, 0], 2, 1.0, 0.25, 0.8, id="equal scores"),
        pytest.param(
            [0.9, 0.8, 0.7, 0.1],
            [1, 0, 1, 0],
            2,
            1.0,
            0.4,
            0.8,
            id="past a wrong one",
        ),
        pytest.param(
            [0.9, 0.7, 0.6, 0.1], [1, 0, 0, 1], 2, 1.0, 0.8, 2 / 3, id="tie: widest"
        ),
        pytest.param(
            [0.75, 0.5, 0.375, 0.25], [1, 0, 0, 1], 2, 1.0, 0.625, 2 / 3, id="tie: top"
        ),
        pytest.param(
            [0.9, 0.6, 0.5, 0.4], [1, 0, 0, 1], 2, 4.0, 0.2, 34 / 36, id="beta 4"
        ),
        pytest.param([0.9, 0.8], [0, 0], 2, 1.0, 1.0, 0.0, id="none right"),
        pytest.param([0.9], [0], 0, 1.0, 1.0, 0.0, id="no truth"),
        pytest.param([], [], 4, 1.0, 1.0, 0.0, id="no picks"),
    ],
)
def test_best_threshold_table(
    scores: list[float],
    is_true: list[int],
    num_truth: int,
    beta: float,
    threshold: float,
    f: float,
) -> None:
    found = best_threshold(
        np.array(scores), np.array(is_true, np.bool_), num_truth, beta
    )
    assert found == pytest.approx((threshold, f))


def test_best_threshold_separates_neighbouring_float32() -> None:
    low = np.float32(0.7)
    high = np.nextafter(low, np.float32(1))
    scores = np.array([high, low])
    threshold, f = best_threshold(scores, np.array([True, False]), 1, 1.0)
    assert (scores >= threshold).tolist() == [True, False]
    assert f == 1.0


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_best_threshold_beats_every_other(beta: float) -> None:
    random = np.random.default_rng(5)
    scores = random.random(200, np.float32)
    is_true = random.random(200) < scores
    threshold, f = best_threshold(scores, is_true, 150, beta)

    def f_at(cut: float) -> float:
        kept = scores >= cut
        tp = int((kept & is_true).sum())
        return Counts(tp=tp, fp=int(kept.sum()) - tp, fn=150 - tp).f(beta)

    assert f_at(threshold) == pytest.approx(f)
    assert f == pytest.approx(max(f_at(cut) for cut in np.linspace(0, 1, 2001)))


def test_kaggle_counts_two_particles_with_one_candidate() -> None:
    candidate, two = np.zeros((1, 3)), np.array([[0.0, 0, 50], [0, 0, -50]])
    assert kaggle_counts(candidate, two, 50.0) == Counts(tp=2, fp=-1, fn=0)
    # One-to-one, the same candidate is one particle.
    assert (match_picks(candidate, np.ones(1, np.float32), two, 50.0) >= 0).sum() == 1


def test_kaggle_counts_by_hand() -> None:
    truth = np.array([[0.0, 0, 0], [0, 0, 300]])
    near = np.array([[0.0, 0, 1], [0, 0, 2], [0, 0, 900]])
    assert kaggle_counts(near, truth, 50.0) == Counts(tp=1, fp=2, fn=1)
    assert kaggle_counts(near, truth[:0], 50.0) == Counts(tp=0, fp=3, fn=0)
    assert kaggle_counts(near[:0], truth, 50.0) == Counts(tp=0, fp=0, fn=2)


def test_kaggle_score_weighs_classes() -> None:
    truth = {
        "a": on_line([0, 300], [1, 1]),
        "b": on_line([0], [1], "vlp"),
        "c": on_line([0], [1], "beta-amylase"),
    }
    picks = {
        "a": on_line([0, 900], [1, 1]),
        "b": on_line([50], [1], "vlp"),
        "c": on_line([31], [1], "beta-amylase"),
    }
    # ribosome: P = R = 1/2 -> F4 1/2, weight 1; vlp: 1, weight 2; amylase: weight 0.
    particles = [RIBOSOME, AMYLASE, VLP]
    assert kaggle_score(picks, truth, particles) == pytest.approx((0.5 + 2) / 3)
    assert kaggle_score(picks, truth, [AMYLASE]) == 0.0


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
