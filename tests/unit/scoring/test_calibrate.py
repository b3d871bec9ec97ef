import pytest

from picker.config import CalibrateSettings, Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.scoring.calibrate import FALLBACK, calibrate

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
