"""What two looks at a tomogram disagree about, and how much."""

import numpy as np
import pytest

from picker.core.picks import no_picks, picks_from_arrays
from picker.report.disputed import Look, disputes, standing
from tests.unit.report.examples import PARTICLES, RIBOSOME


def look(name, places, scores, threshold=0.5, particle="ribosome"):
    found = picks_from_arrays(places, [particle] * len(scores), scores)
    return Look(name=name, found=found, thresholds={"ribosome": threshold})


def said(one, other):
    return [dispute.said for dispute in disputes([(one, other)], RIBOSOME)]


PLACES = [[0, 0, 0], [0, 0, 300], [0, 300, 0], [300, 0, 0]]


def test_the_greatest_difference_relative_to_the_thresholds_is_first():
    strict = look("a", PLACES, [0.95, 0.6, 0.85, 0.92], threshold=0.8)
    lax = look("b", PLACES, [0.95, 0.3, 0.1, 0.15], threshold=0.2)
    # 0.6 of a strict one is no pick, but more than half the way to one.
    assert said(strict, lax) == [
        "a 0.920, b 0.150",
        "a 0.850, b 0.100",
        "b 0.300, a 0.600",
    ]
    differences = [d.difference for d in disputes([(strict, lax)], RIBOSOME)]
    expected = [0.8 - 0.375, 0.625 - 0.25, 0.5625 - 0.375]
    assert differences == pytest.approx(expected, abs=1e-6)


def test_half_a_radius_away_is_the_same_and_farther_is_none():
    one = look("a", [[0, 0, 0], [0, 0, 300]], [0.9, 0.8])
    other = look("b", [[0, 0, 49], [0, 0, 351]], [0.6, 0.7])
    assert said(one, other) == ["a 0.800, b none"]
    # What lies between is about the same place: the greater difference is shown alone.
    assert said(other, one) == ["a 0.800, b none"]


def test_a_better_candidate_nearby_hides_no_nearer_one():
    """Halves' candidates are all peaks, and the best of those nearby counts."""
    one = look("a", [[0, 0, 0]], [0.9])
    other = look("b", [[0, 0, 10], [0, 0, -45], [0, 0, 80]], [0.2, 0.6, 0.99])
    assert [s for s in said(one, other) if s.startswith("a")] == []


def test_other_classes_and_empty_looks_settle_nothing():
    one = look("a", [[0, 0, 0]], [0.9])
    ferritin = look("b", [[0, 0, 0]], [0.9], particle="apo-ferritin")
    nothing = Look(name="b", found=no_picks(), thresholds={"ribosome": 0.5})
    for other in (ferritin, nothing):
        assert said(one, other) == ["a 0.900, b none"]
    assert said(nothing, nothing) == []
    assert disputes([], PARTICLES[0]) == []


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_standing_rises_from_0_to_1(threshold):
    score = np.linspace(0, 1, 101)
    placed = standing(score, threshold)
    assert (np.diff(placed) >= 0).all()
    assert placed.min() >= 0
    assert placed.max() <= 1
    assert standing(np.array([threshold]), threshold)[0] == 0.5
