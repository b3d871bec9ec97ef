from __future__ import annotations

import numpy as np
import pytest

from picker.config import CalibrateSettings, Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.scoring.calibrate import FALLBACK, best_threshold, calibrate
from picker.scoring.match import Counts

PARTICLES = (Particle(name="a", radius=50), Particle(name="b", radius=50))
TRUTH = {"t": picks_from_arrays([[100, 100, 100], [100, 300, 300]], ["a", "a"])}


def chosen(candidates):
    return calibrate({"t": candidates}, TRUTH, PARTICLES, CalibrateSettings())


def test_the_cut_lies_between_right_and_wrong_candidates():
    found = chosen(
        picks_from_arrays(
            [[100, 100, 105], [100, 300, 310], [100, 600, 600]],
            ["a"] * 3,
            [0.9, 0.8, 0.4],
        )
    )
    assert found["a"].threshold == pytest.approx(0.6)
    assert (found["a"].f, found["a"].num_truth) == (1.0, 2)
    known = found["a"].reliability
    assert known.right == (0, 1, 1)
    assert known.score == pytest.approx((0.4, 0.8, 0.9))
    assert known.found == 1


def test_a_second_peak_on_one_particle_is_no_mistake_of_the_threshold():
    found = chosen(
        picks_from_arrays(
            [[100, 100, 105], [100, 100, 130], [100, 300, 310]],
            ["a"] * 3,
            [0.9, 0.85, 0.8],
        )
    )
    assert found["a"].f == 1.0


def test_a_class_without_a_known_particle_gets_the_fallback():
    found = chosen(picks_from_arrays([[100, 100, 100]], ["b"], [0.9]))
    assert found["b"].threshold == FALLBACK
    assert found["b"].num_truth == 0


def test_a_tomogram_without_candidates_is_no_error():
    assert chosen(no_picks())["a"].f == 0


@pytest.mark.parametrize(("wrong", "threshold"), [(300, 0.05), (600, 1.0)])
def test_a_class_that_only_chance_finds_gets_no_picks(wrong, threshold):
    places = np.full((wrong, 3), 5000.0)
    places[:, 0] += 200 * np.arange(wrong)
    scores = np.linspace(0.9, 0.2, wrong)
    found = chosen(
        picks_from_arrays(
            [*places, [100, 100, 100]], ["a"] * (wrong + 1), [*scores, 0.1]
        )
    )
    assert found["a"].f == pytest.approx(2 / (wrong + 3))
    assert found["a"].threshold == pytest.approx(threshold)


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
