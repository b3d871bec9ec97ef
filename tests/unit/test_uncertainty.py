import numpy as np
import pytest

from picker.uncertainty import uncertain_regions, uncertainty


def test_a_candidate_at_its_threshold_is_the_least_decided():
    score = np.array([0.0, 0.05, 0.3, 0.5, 0.7, 0.95, 1.0])
    found = uncertainty(score, 0.5)
    assert found[3] == 1
    # log odds of .3 and .7 are 0.8473 from those of .5, two make it decided
    assert found[[2, 4]] == pytest.approx(1 - 0.8473 / 2, abs=1e-4)
    assert found[[0, 1, 5, 6]].tolist() == [0, 0, 0, 0]


def test_each_candidate_has_the_threshold_of_its_class():
    found = uncertainty(np.array([0.7, 0.7, 0.0]), np.array([0.7, 0.2, 0.0]))
    assert found == pytest.approx([1, 0, 1], abs=1e-4)


def test_the_fullest_ball_comes_first_and_none_overlap():
    position = np.array(
        [
            *([0, 0, 0], [0, 0, 40], [0, 0, 80]),  # the middle one holds all three
            *([0, 500, 0], [0, 540, 0]),
            [900, 0, 0],
            [0, 0, 131],  # its ball would overlap the first
            [2000, 0, 0],
        ],
        np.float64,
    )
    doubt = np.array([0.5, 0.5, 0.5, 0.5, 0.4, 0.8, 0.9, 0.0])
    centre, held = uncertain_regions(position, doubt, 50.0, 4)
    assert centre.tolist() == [1, 3, 5]
    assert held == pytest.approx([1.5, 0.9, 0.8])
    centre, _ = uncertain_regions(position, doubt, 50.0, 2)
    assert centre.tolist() == [1, 3]


def test_where_all_is_decided_there_is_no_region():
    centre, held = uncertain_regions(np.zeros((3, 3)), np.zeros(3), 10.0, 5)
    assert len(centre) == len(held) == 0
    centre, held = uncertain_regions(np.empty((0, 3)), np.empty(0), 10.0, 5)
    assert len(centre) == len(held) == 0
