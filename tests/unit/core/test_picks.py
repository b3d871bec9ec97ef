from __future__ import annotations

import numpy as np
import pytest

from picker.core.picks import concatenate, no_picks, picks_from_arrays, score_histogram
from picker.core.rotations import random_rotations, unknown

TURNS = random_rotations(4, np.random.default_rng(0))


def make(num, rotation=None):
    return picks_from_arrays(
        np.zeros((num, 3)), ["a", "b"] * (num // 2), None, rotation
    )


def test_score_histogram():
    counts = score_histogram(np.array([0.0, 0.019, 0.021, 1.0, 1.2], np.float32))
    assert counts.sum() == 5
    assert counts[[0, 1, 49]].tolist() == [2, 1, 2]
    assert score_histogram(np.empty(0)).sum() == 0


def test_rotations_go_where_their_picks_go():
    picks = make(4, TURNS)
    some = picks.select(np.array([3, 1])).rotation
    np.testing.assert_array_equal(some, TURNS[[3, 1]])
    np.testing.assert_array_equal(picks.of("a").rotation, TURNS[[0, 2]])
    both = concatenate([make(2), picks])
    np.testing.assert_array_equal(both.rotation[2:], TURNS)
    assert np.isnan(both.rotation[:2]).all()


def test_picks_of_which_none_has_a_rotation_have_none():
    assert make(2).rotation is None
    assert make(2, unknown(2)).rotation is None
    assert concatenate([make(2), no_picks()]).rotation is None
    assert concatenate([make(2), make(4, TURNS)]).select(np.arange(2)).rotation is None


def test_what_is_no_rotation_is_refused():
    wrong = TURNS.copy()
    wrong[2] *= -1
    with pytest.raises(ValueError, match="rotation of pick 3 is left-handed"):
        make(4, wrong)
    with pytest.raises(
        ValueError, match=r"need \(4, 3, 3\) rotations; got \(2, 3, 3\)"
    ):
        make(4, TURNS[:2])
