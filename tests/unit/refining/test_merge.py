import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.core.rotations import are_known, random_rotations
from picker.refining.merge import merged

PARTICLES = [Particle(name="a", radius=100), Particle(name="b", radius=100)]


def test_what_lies_within_a_tenth_of_the_radius_is_one():
    places = [[0.0, 0, x] for x in (0, 10, 19, 40)]
    picks = picks_from_arrays(places, ["a"] * 4, [0.7, 0.9, 0.8, 0.5])
    found = merged(picks, PARTICLES, 0.1)
    # All within 10 Å of the best one, at 10 Å; their mean, and its score.
    assert found.position_zyx[:, 2] == pytest.approx([29 / 3, 40])
    assert found.score == pytest.approx([0.9, 0.5])


def test_nothing_chains_and_classes_stay_apart():
    places = [[0.0, 0, x] for x in (0, 9, 18, 0)]
    picks = picks_from_arrays(places, ["a", "a", "a", "b"], [0.9, 0.8, 0.7, 0.6])
    found = merged(picks, PARTICLES, 0.1)
    assert found.position_zyx[:, 2].tolist() == [4.5, 18.0, 0.0]
    assert len(merged(no_picks(), PARTICLES, 0.1)) == 0


def test_the_best_that_knows_an_orientation_tells_it():
    places = [[0.0, 0, x] for x in (0, 4, 8, 40)]
    turned = random_rotations(4, np.random.default_rng(0))
    turned[[1, 3]] = np.nan
    picks = picks_from_arrays(places, ["a"] * 4, [0.7, 0.9, 0.8, 0.5], turned)
    found = merged(picks, PARTICLES, 0.1)
    np.testing.assert_array_equal(found.rotation[0], turned[2])
    assert are_known(found.rotation).tolist() == [True, False]
