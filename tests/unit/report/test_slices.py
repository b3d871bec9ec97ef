"""Slices: each pixel is a mean of voxels, in its place, in few bytes."""

import numpy as np
import pytest

from picker.report.slices import _binned, slice_at, slices_of


def test_small_tomograms_keep_every_voxel():
    volume = np.random.default_rng(0).normal(size=(24, 48, 56)).astype(np.float16)
    slices = slices_of(volume)
    assert slices.step_zyx == (1, 1, 1)
    assert slices.gray.shape == volume.shape
    inner = (slices.gray > 0) & (slices.gray < 255)
    order = np.argsort(volume[inner], kind="stable")
    assert (np.diff(slices.gray[inner][order].astype(int)) >= 0).all()


def test_a_pixel_is_the_mean_of_its_box():
    """The last boxes may be cut off."""
    volume = np.zeros((7, 10, 11), np.float16)
    volume[6, 9, 8:] = 1
    binned = np.stack(list(_binned(volume, (2, 2, 2))))
    assert binned.shape == (4, 5, 6)
    assert np.argwhere(binned).tolist() == [[3, 4, 4], [3, 4, 5]]
    # Each has two rows, and one slice that there is.
    assert binned[binned > 0].tolist() == [0.5, 0.5]
    slices = slices_of(volume, max_pixels=volume.size // 6)
    assert slices.step_zyx == (2, 2, 2)
    assert np.unravel_index(slices.gray.argmax(), slices.gray.shape) == (3, 4, 5)


@pytest.mark.parametrize(
    ("shape", "step"),
    [
        ((184, 630, 630), (6, 3, 3)),
        ((184, 630, 400), (6, 3, 3)),
        ((1, 2, 40_000), (1, 3, 3)),
        ((300, 1, 1), (1, 1, 1)),
    ],
)
def test_steps_follow_from_the_shape(shape, step):
    volume = np.broadcast_to(np.float16(0), shape)
    slices = slices_of(volume)
    assert slices.step_zyx == step
    picture = slices.picture()
    assert max(picture.shape) <= 16_383
    assert picture.size <= 1_600_000


def test_slices_lie_side_by_side_with_y_upwards():
    volume = np.zeros((5, 4, 3), np.float32)
    for z in range(5):
        volume[z, 0, 0] = z + 1
    slices = slices_of(volume)
    picture = slices.picture()
    columns = slices.columns
    assert columns == 3
    assert picture.shape == (2 * 4, 3 * 3)
    bright = [picture[z // columns * 4 + 3, z % columns * 3] for z in range(5)]
    assert bright == sorted(bright)
    assert np.count_nonzero(picture) == 5


@pytest.mark.parametrize("face", [0, 1])
def test_a_slice_at_a_face_has_its_own_height_in_the_middle(face):
    """Half of it lies outside; what is deeper in than the other half does not count."""
    volume = np.zeros((9, 4, 5), np.float32)
    volume[2, 0, 0] = volume[3, 1, 1] = 9
    height = 0 if face == 0 else 8
    gray = slice_at(volume if face == 0 else volume[::-1], height, 5, 100)[::-1]
    assert (gray[0, 0], gray[1, 1]) == (255, 0)
