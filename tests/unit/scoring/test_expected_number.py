from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from picker.scoring.expected_number import (
    estimated_number,
    greatest_number,
    number_from,
)


def mixture(seed, number, num_wrong, num_held_out, apart, missed=0.05):
    """Return candidates' scores, and held-out labels' scores, which are among them."""
    rng = np.random.default_rng(seed)
    right = expit(rng.normal(apart, 1.0, number))
    right[rng.random(number) < missed] = -np.inf
    wrong = expit(rng.normal(-2.0, 1.0, num_wrong))
    held_out = right[:num_held_out]
    every = np.concatenate([right, wrong])
    return every[np.isfinite(every)], held_out


@pytest.mark.parametrize(
    ("num_held_out", "num_wrong", "apart", "within"),
    [
        pytest.param(20, 300, 2.5, 0.2, id="few and well apart"),
        pytest.param(20, 3000, 1.5, 0.2, id="ten wrong ones to each"),
        pytest.param(60, 3000, 1.0, 0.15, id="overlapping"),
    ],
)
def test_the_number_is_estimated_from_scores(num_held_out, num_wrong, apart, within):
    found = [
        estimated_number(*mixture(seed, 200, num_wrong, num_held_out, apart)) / 200
        for seed in range(40)
    ]
    assert np.median(found) == pytest.approx(1, abs=0.1)
    assert np.mean(np.abs(np.array(found) - 1) < within) > 0.6
    assert np.mean(np.abs(np.array(found) - 1)) < within


def test_no_more_than_the_bound_are_there_but_for_chance():
    bounds = [greatest_number(*mixture(seed, 200, 3000, 20, 1.0)) for seed in range(60)]
    assert np.mean(np.array(bounds) >= 200) > 0.9
    assert np.median(bounds) < 400  # and it does say something


def test_wrong_candidates_below_all_labels_do_not_count():
    right = np.linspace(0.6, 0.9, 40)
    wrong = np.linspace(0.1, 0.5, 1000)
    every = np.concatenate([right, wrong])
    # 30 of 40 labels are held out and all found: so are all particles.
    assert estimated_number(every, right[::-1][:30]) == pytest.approx(40, rel=0.35)
    assert estimated_number(every, right) == pytest.approx(40)
    # Half of the labels are never found, nor are half of the particles.
    lost = np.concatenate([right, np.full(40, -np.inf)])
    assert estimated_number(every, lost) == pytest.approx(80)


def test_without_a_label_that_is_found_nothing_is_known():
    scores = np.array([0.9, 0.2])
    for held_out in (np.empty(0), np.full(5, -np.inf)):
        assert np.isnan(estimated_number(scores, held_out))
        assert greatest_number(scores, held_out) == np.inf
    # One of one: everything may be a particle.
    assert estimated_number(scores, np.array([0.2])) == 2
    assert greatest_number(scores, np.array([0.2])) == np.inf


def test_number_from_counts_equal_scores():
    kept = number_from(np.array([0.5, 0.2, 0.5, -np.inf]), np.array([0.5, 0.2, 0.6]))
    assert kept.tolist() == [2, 3, 0]
