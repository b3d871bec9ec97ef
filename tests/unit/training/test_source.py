import numpy as np

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
