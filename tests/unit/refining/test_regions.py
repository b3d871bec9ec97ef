import numpy as np

from picker.refining.regions import fullest_regions


def test_the_fullest_ball_comes_first_and_none_overlap():
    position = np.array(
        [
            *([0, 0, 0], [0, 0, 40], [0, 0, 80]),  # the middle one holds all three
            *([0, 500, 0], [0, 540, 0]),
            [0, 0, 131],  # its ball would overlap the first
            [2000, 0, 0],
        ],
        np.float64,
    )
    centre, held = fullest_regions(position, 50.0, 4)
    assert centre.tolist() == [1, 3, 6]
    assert held.tolist() == [3, 2, 1]
    centre, _ = fullest_regions(position, 50.0, 2)
    assert centre.tolist() == [1, 3]


def test_without_a_pick_there_is_no_region():
    centre, held = fullest_regions(np.empty((0, 3)), 10.0, 5)
    assert len(centre) == len(held) == 0
