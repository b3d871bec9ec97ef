import numpy as np

from picker.encodings.nearby import first_within


def test_the_better_of_two_near_ones_stays_and_hides_only_what_is_near_itself():
    position = np.array([[0.0, 0, 0], [0, 0, 4], [0, 0, 8], [0, 9, 0]])
    assert first_within(position, 5.0).tolist() == [0, 2, 3]
    assert first_within(position[:0].reshape(0, 3), 5.0).tolist() == []
