from __future__ import annotations

import numpy as np
import pytest

from picker.scoring.kaggle import kaggle_counts, kaggle_score
from picker.scoring.match import Counts, match_picks
from tests.unit.scoring.examples import AMYLASE, RIBOSOME, VLP, on_line


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
