from __future__ import annotations

import numpy as np
import pytest

from picker.scoring.match import Counts, match_picks, pooled_matches
from tests.unit.scoring.examples import RIBOSOME, on_line

FREE = 50.0


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
