"""Which picks lie in the tomogram, and which of the others may be left out."""

from __future__ import annotations

import numpy as np
import pytest

from picker.formats.picks.bounds import few_strays, inside, may_be_dropped

SHAPE = (40, 60, 80)


def test_a_tomogram_ends_at_the_outer_faces():
    index = np.array([[-0.5, 59.5, 79.5], [-0.6, 0, 80], [39.5, 59.6, 0]])
    assert inside(index, SHAPE).tolist() == [
        [True, True, True],
        [False, True, False],
        [True, False, True],
    ]


def strays(num, x, of=20):
    """Return picks in the middle, the first `num` of them at x instead."""
    index = np.full((of, 3), 20.0)
    index[:num, 2] = x
    return index


@pytest.mark.parametrize(
    ("index", "is_few"),
    [
        (strays(2, 87), True),  # a tenth of the picks, and of the axis
        (strays(3, 87), False),
        (strays(1, 87.5), False),
        (strays(1, 81, of=2), True),  # one is always few
    ],
)
def test_a_few_just_outside_may_be_dropped(index, is_few):
    assert may_be_dropped(index, SHAPE, "drop_few") == is_few
    assert may_be_dropped(index, SHAPE, "drop")
    assert not may_be_dropped(index, SHAPE, "error")


@pytest.mark.parametrize("outside", ["drop_few", "drop", "error"])
def test_all_picks_are_never_dropped(outside):
    assert not may_be_dropped(strays(20, 81), SHAPE, outside)


def test_one_of_two_is_not_few_where_readings_are_compared():
    assert few_strays(strays(2, 87), SHAPE)
    assert not few_strays(strays(1, 81, of=2), SHAPE)
