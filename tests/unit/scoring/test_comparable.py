import numpy as np
import pytest

from picker.core.picks import picks_from_arrays
from picker.scoring.comparable import Scale, comparable_picks
from picker.scoring.reliability import Reliability

STEPS = Reliability(score=(0.2, 0.4, 0.6), right=(0.1, 0.1, 0.9), found=1.0)


def test_a_score_becomes_the_chance_to_be_right_and_keeps_its_order():
    scale = Scale(reliability=STEPS, threshold=0.5)
    score = np.array([0.0, 0.3, 0.39, 0.5, 0.6, 0.95])
    found = scale.comparable(score)
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.5, 0.9, 0.9], abs=0.01)
    # On the steps of the curve too.
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("curve", [None, Reliability(score=(), right=(), found=0.0)])
@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.0, [0.55, 0.6]), (0.2, [0.25, 0.5]), (1.0, [0.05, 0.1])],
)
def test_without_a_curve_the_threshold_is_one_half(curve, threshold, expected):
    scale = Scale(reliability=curve, threshold=threshold)
    found = scale.comparable(np.array([0.1, 0.2]))
    assert found == pytest.approx(expected, abs=1e-4)


def test_picks_that_float32_cannot_tell_apart_stay_in_order():
    score = np.float32(0.9) + np.arange(4, dtype=np.float32) * np.float32(6e-8)
    found = picks_from_arrays(np.arange(12).reshape(4, 3), ["a"] * 4, score)
    curve = Reliability(score=(0.1, 0.2), right=(0.0, 1.0), found=1.0)
    same = comparable_picks(found, {"a": Scale(reliability=curve, threshold=0.5)})
    assert same.position_zyx[:, 0].tolist() == [9, 6, 3, 0]
    assert len(comparable_picks(found, {})) == 0
