import numpy as np
import pytest

from picker.encodings.discs import discs_on_slice, joined, reach

RADIUS = np.array([5.0, 3.0])
CENTRES = np.array([[10.0, 20, 30], [12, 5, 6]])
CLASSES = np.array([0, 1])


def on(slice_z, min_chord=0.0):
    return discs_on_slice(CENTRES, CLASSES, RADIUS, slice_z, min_chord)


def test_a_slice_cuts_balls_in_discs_of_their_chords():
    found = on(13)
    assert found.slice_z.tolist() == [13, 13]
    assert found.centre_yx.tolist() == [[20, 30], [5, 6]]
    # Pythagoras: 3 and 1 voxels away from the centres.
    assert found.diameter.tolist() == [8, pytest.approx(2 * 8**0.5)]
    assert found.particle.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("slice_z", "classes"), [(4, []), (5, []), (6, [0]), (10, [0, 1]), (15, [])]
)
def test_what_a_slice_only_touches_has_no_disc(slice_z, classes):
    found = on(slice_z)
    assert found.particle.tolist() == classes
    assert found.centre_yx.shape == (len(classes), 2)


def test_small_discs_are_left_out():
    """Four fifths of the diameter are three fifths of the radius away."""
    assert reach(0.8) == pytest.approx(0.6)
    assert on(13, 0.9).particle.tolist() == [1]
    assert on(14, 0.9).particle.tolist() == []


def test_sets_are_joined_in_order():
    both = joined([on(6), on(13)])
    assert both.slice_z.tolist() == [6, 13, 13]
    assert both.select(both.particle == 1).slice_z.tolist() == [13]
