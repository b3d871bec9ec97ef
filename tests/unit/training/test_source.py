from dataclasses import replace

import numpy as np
import pytest

from picker.training.source import PatchSource, patch_shape


def source(shape):
    return PatchSource(
        name="t",
        volume=np.zeros(shape, np.float32),
        index_zyx=np.zeros((0, 3)),
        particle=np.zeros(0, np.int64),
        radius=np.array([4.0]),
    )


def test_patch_is_even_and_fits_the_smallest_tomogram():
    sources = [source((20, 36, 44)), source((17, 90, 90))]
    assert patch_shape((90, 33, 64), sources) == (16, 32, 44)


def test_a_patch_about_a_centre_stays_in_the_volume():
    one, shape = source((20, 36, 44)), (16, 24, 24)
    assert one.corner(np.array([10.0, 18, 22]), shape).tolist() == [2, 6, 10]
    assert one.corner(np.array([0.0, 0, 43]), shape).tolist() == [0, 0, 20]


@pytest.mark.parametrize("region", [None, "right"])
def test_what_reaches_in_of_a_particle_outside_is_not_known(region):
    one = source((12, 24, 24))
    if region:
        inside = np.ones((12, 24, 24), bool)
        inside[..., :8] = False
        one = replace(one, region=inside)
    before = one.known(np.zeros(3, int), (12, 24, 24), 2)
    reaching = replace(
        one, outside_zyx=np.array([[6.5, 12.5, 6.5]]), outside_particle=np.array([0])
    )
    assert one.is_known_everywhere == (region is None)
    assert not reaching.is_known_everywhere
    known = reaching.known(np.zeros(3, int), (12, 24, 24), 2)
    lost = before - known
    assert lost.min() == 0
    # Output voxel 5 is at 10.5, exactly a radius from the particle's centre.
    assert lost[3, 6].tolist() == [
        0 if region and i < 4 else i in (1, 2, 3, 4, 5) for i in range(12)
    ]
    assert not lost[:, 9:].any()
    # A corner moves the particle with the patch.
    shifted = reaching.known(np.array([2, 4, 6]), (8, 16, 16), 2)
    assert np.array_equal(shifted, known[1:5, 2:10, 3:11])
