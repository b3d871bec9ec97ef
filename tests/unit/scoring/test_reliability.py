from dataclasses import asdict

import numpy as np
import pytest

from picker.scoring.reliability import Reliability, expected, held_out, reliability


def test_the_curve_rises_where_candidates_do_not():
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    right = np.array([True, True, False, True, False, False])
    known = reliability(score, right, 4)
    # .6 is right and .7 is not: together they are right by half.
    assert known.score == (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert known.right == (0, 0, 0.5, 0.5, 1, 1)
    assert known.found == 0.75
    np.testing.assert_allclose(known.chance(np.array([0.65, 0.75])), [0.5, 0.75])
    # Beyond its ends it is constant.
    np.testing.assert_allclose(known.chance(np.array([0.1, 1.0])), [0, 1])


def test_of_a_long_step_the_ends_are_kept():
    score = np.linspace(0, 1, 1000)
    known = reliability(score, score > 0.5, 600)
    assert len(known.score) == 4
    assert known.right == (0, 0, 1, 1)


def test_equal_scores_are_right_by_one_chance():
    known = reliability(np.array([0.5, 0.5, 0.5]), np.array([True, False, False]), 1)
    assert known.score == (0.5,)
    assert known.right == (pytest.approx(1 / 3),)


def test_without_a_candidate_nothing_is_expected():
    known = reliability(np.zeros(0), np.zeros(0, np.bool_), 5)
    assert known == Reliability(score=(), right=(), found=0.0)
    assert expected(known, np.array([0.9]), np.array([0.9])) == (0.0, 0.0)


def test_right_picks_and_particles_are_counted_by_their_chance():
    known = Reliability(score=(0.0, 1.0), right=(0.0, 1.0), found=0.8)
    candidates = np.array([0.9, 0.7, 0.3, 0.1])
    right, particles = expected(known, candidates, candidates[:2])
    assert right == pytest.approx(1.6)
    assert particles == pytest.approx(2.0 / 0.8)


def test_what_is_expected_comes_true_in_tomograms_like_the_known_ones():
    rng = np.random.default_rng(0)

    def tomograms():
        score = rng.random(4000)
        right = rng.random(4000) < score**2
        return score, right, int(right.sum() / 0.9)

    known = reliability(*tomograms())
    score, right, num_truth = tomograms()
    picked = score >= 0.6
    number, particles = expected(known, score, score[picked])
    assert number == pytest.approx(right[picked].sum(), rel=0.05)
    assert particles == pytest.approx(num_truth, rel=0.05)


def test_only_known_particles_that_were_held_out_tell():
    one = reliability(np.array([0.2, 0.8]), np.array([False, True]), 1)
    saved = {"threshold": 0.5, "source": "validation", "num_truth": 1}
    found = held_out(
        {
            "ribosome": {**saved, "reliability": asdict(one)},
            "trained on": {**saved, "source": "labeled", "reliability": asdict(one)},
            "nowhere": {**saved, "num_truth": 0, "reliability": asdict(one)},
        }
    )
    assert found == {"ribosome": one}
