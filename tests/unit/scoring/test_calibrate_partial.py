from __future__ import annotations

import numpy as np
import pytest

from picker.config import CalibrateSettings
from picker.core.picks import no_picks, picks_from_arrays
from picker.scoring.calibrate import FALLBACK
from picker.scoring.calibrate_partial import (
    calibrate_partial,
    f_from_recall,
    threshold_of_f,
    threshold_of_number,
)
from picker.scoring.found_labels import PartialLabels
from tests.unit.scoring.examples import RIBOSOME, on_line
from tests.unit.scoring.test_expected_number import mixture


def tomogram(seed=0, trained=20, held_out=20, apart=2.5, **expected):
    """Return candidates on a line, right ones first, and what is known of them.

    Candidates at labels that trained have the best scores of all.
    """
    scores, _ = mixture(seed, 100, 900, 0, apart, missed=0.0)
    scores[:trained] = 0.99
    x = 300.0 * np.arange(len(scores))
    known = PartialLabels(
        trained=on_line(x[:trained], [1] * trained),
        held_out=on_line(x[trained : trained + held_out], [1] * held_out),
        expected=expected,
    )
    return on_line(x, scores), known


def chosen(*tomograms, particle=RIBOSOME, **settings):
    candidates = {str(i): found for i, (found, _) in enumerate(tomograms)}
    labels = {str(i): known for i, (_, known) in enumerate(tomograms)}
    of = CalibrateSettings(**settings)
    return calibrate_partial(candidates, labels, (particle,), of)[particle.name]


def true_f1(threshold, candidates, number=100, trained=20):
    """Return F1 without the labels that trained."""
    score = candidates.score[trained:]
    picked, right = (score >= threshold).sum(), (score[: number - trained] >= threshold)
    return 2 * right.sum() / (picked + number - trained)


def best_f1(candidates):
    return max(true_f1(cut, candidates) for cut in np.linspace(0, 1, 500))


def test_f1_from_recall_and_the_number_of_particles():
    """2 R N / (M + N), and precision is never above 1."""
    f = f_from_recall(np.array([0.5, 1.0]), np.array([50, 200]), 100)
    assert f.tolist() == [2 * 50 / 150, 2 * 100 / 300]
    assert f_from_recall(np.array([1.0]), np.array([50]), 100).tolist() == [
        2 * 50 / 150
    ]
    four = f_from_recall(np.array([0.5]), np.array([50]), 100, beta=4.0)
    assert four[0] == pytest.approx(17 * 50 / (50 + 16 * 100))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("expected", [{"ribosome": 100}, {}])
def test_thresholds_are_nearly_those_of_complete_truth(seed, expected):
    found, known = tomogram(seed, **expected)
    value = chosen((found, known))
    assert value.rule == "f1"
    assert value.number_is == ("expected" if expected else "estimated")
    assert value.num_held_out == 20
    assert value.number == pytest.approx(80, rel=1e-9 if expected else 0.3)
    assert true_f1(value.threshold, found) > (0.93 if expected else 0.85) * best_f1(
        found
    )
    # What has no label does not count as wrong: 80 picks are right, 20 have a label.
    assert value.f == pytest.approx(true_f1(value.threshold, found), abs=0.2)
    above = (found.score[20:40] >= value.threshold).mean()
    assert value.recall == pytest.approx(above)


def test_twice_the_expected_number_is_lowered_to_what_held_out_labels_allow():
    found, known = tomogram(0, held_out=40, ribosome=180)
    value = chosen((found, known))
    assert value.number_is == "lowered"
    assert 80 < value.number < 160
    assert true_f1(value.threshold, found) > 0.9 * best_f1(found)


def test_candidates_at_labels_that_trained_change_nothing():
    found, known = tomogram(1, ribosome=100)
    best = found.score.copy()
    best[:20] = 0.2
    lower = chosen((on_line(found.position_zyx[:, 2], best), known))
    assert lower.threshold == chosen((found, known)).threshold


def test_beta_prefers_recall():
    found, known = tomogram(2, apart=0.5, ribosome=100)
    assert (
        chosen((found, known), beta=4.0).threshold
        < chosen((found, known)).threshold
        < chosen((found, known), beta=0.2).threshold
    )


def test_as_many_picks_as_are_expected():
    found, known = tomogram(0, ribosome=75)
    value = chosen((found, known), partial="number")
    assert (value.rule, value.number, value.number_is) == ("number", 55, "expected")
    assert (found.score[20:] >= value.threshold).sum() == 55
    estimated = chosen(tomogram(0), partial="number")
    assert (estimated.rule, estimated.number_is) == ("number", "estimated")


def test_without_held_out_labels_it_is_midway_between_number_and_labels():
    found, known = tomogram(0, held_out=0, ribosome=90)
    value = chosen((found, known))
    assert (value.rule, value.num_held_out) == ("labels", 0)
    assert (value.recall, value.f) == (None, None)
    number = chosen((found, known), partial="number")
    assert (found.score[20:] >= number.threshold).sum() == 70
    assert value.threshold == pytest.approx((number.threshold + 0.7 * 0.99) / 2)
    # Where no label is found its score says nothing.
    unseen = on_line(300.0 * np.arange(20, 1000), found.score[20:])
    alone = chosen((unseen, known))
    assert (alone.rule, alone.threshold) == ("number", number.threshold)


def test_half_of_the_number_costs_less_than_by_the_number_alone():
    half = tomogram(0, held_out=0, apart=1.5, ribosome=50)
    found, _ = half
    midway = true_f1(chosen(half).threshold, found)
    alone = true_f1(chosen(half, partial="number").threshold, found)
    assert alone < midway - 0.03


def test_where_the_number_is_given_decides_for_the_others_too():
    known, unknown = tomogram(0, held_out=0, ribosome=90), tomogram(1, held_out=0)
    both = chosen(known, unknown)
    assert (both.rule, both.number) == ("labels", 70)
    assert both.threshold == chosen(known).threshold


def test_a_number_that_is_given_for_some_is_estimated_for_the_others():
    both = chosen(tomogram(0, ribosome=100), tomogram(1))
    assert both.number_is == "estimated"
    assert both.number == pytest.approx(160, rel=0.25)


@pytest.mark.parametrize("expected", [{}, {"ribosome": 50}])
def test_without_anything_to_go_by_it_is_the_fallback(expected):
    found, known = tomogram(0, held_out=0)
    value = chosen((found, known))
    assert (value.rule, value.number, value.number_is) == ("none", None, "unknown")
    assert value.threshold == FALLBACK
    nothing = chosen((no_picks(), tomogram(0, **expected)[1]))
    assert (nothing.rule, nothing.threshold) == ("none", FALLBACK)
    assert nothing.recall == 0


def test_held_out_labels_that_nothing_finds_leave_the_number():
    far = PartialLabels(
        trained=no_picks(),
        held_out=picks_from_arrays([[9e6, 0, 0]] * 3, ["ribosome"] * 3),
        expected={"ribosome": 30},
    )
    found, _ = tomogram(0)
    value = chosen((found, far))
    assert (value.rule, value.recall, value.f) == ("number", 0.0, 0.0)
    assert (found.score >= value.threshold).sum() == 30


def test_the_threshold_lies_between_scores_and_equal_ones_stay_together():
    scores = np.array([0.9, 0.8, 0.4, 0.4, 0.1])
    assert threshold_of_number(scores, 2) == pytest.approx(0.6)
    assert threshold_of_number(scores, 4.4) == pytest.approx(0.25)
    assert threshold_of_number(scores, 0) == pytest.approx(0.95)
    assert threshold_of_number(scores, 99) == pytest.approx(0.05)
    held_out = np.array([0.9, 0.8])
    assert threshold_of_f(scores, held_out, 2) == pytest.approx(0.6)
