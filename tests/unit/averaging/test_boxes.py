import numpy as np
import pytest

from picker.averaging.boxes import CENTRE, RADIUS, central_slices, cut_box
from picker.core.tomogram import Tomogram


def ramp(voxel_size, shape=(40, 50, 60), size=400.0):
    """A tomogram whose density is z + 2 y + 4 x [Å]."""
    z, y, x = np.ogrid[tuple(slice(0, int(n * 10 / voxel_size)) for n in shape)]
    volume = ((z + 2 * y + 4 * x) * voxel_size).astype(np.float32)
    return Tomogram(name="TS_1", volume=volume, voxel_size=voxel_size)


@pytest.mark.parametrize("voxel_size", [4.0, 10.0, 14.0])
def test_a_box_is_the_same_at_any_voxel_size(voxel_size):
    position, radius = np.array([203.0, 251.0, 318.0]), 100.0
    box = cut_box(ramp(voxel_size), position, radius)
    offset = (np.arange(32) - CENTRE) * radius / RADIUS
    z, y, x = (p + offset for p in position)
    expected = z[:, None, None] + 2 * y[:, None] + 4 * x
    # Neighbouring samples along x differ by 37.
    np.testing.assert_allclose(box, expected, atol=1.5)


def test_samples_wider_than_voxels_average_the_voxels_between():
    noise = np.random.default_rng(0).normal(0, 1, (80, 80, 80)).astype(np.float32)
    tomogram = Tomogram(name="TS_1", volume=noise, voxel_size=1.0)
    assert cut_box(tomogram, np.array([40.0, 40, 40]), 24.0).std() < 0.35


def test_beyond_a_face_the_box_has_its_mean_and_outside_nothing():
    tomogram = Tomogram(
        name="TS_1", volume=np.full((30, 30, 30), 3, np.float16), voxel_size=10.0
    )
    assert (cut_box(tomogram, np.array([0.0, 290, 150]), 100.0) == 3).all()
    assert (cut_box(tomogram, np.array([-900.0, 150, 150]), 100.0) == 0).all()


def test_slices_have_x_to_the_right_and_y_or_z_upwards():
    box = np.zeros((32, 32, 32), np.float32)
    box[CENTRE, CENTRE + 6, CENTRE + 3] = 1
    box[CENTRE + 9, CENTRE, CENTRE + 3] = 1
    box[CENTRE + 9, CENTRE + 6, CENTRE] = 1
    xy, xz, yz = central_slices(box)
    for picture, up, right in ((xy, 6, 3), (xz, 9, 3), (yz, 9, 6)):
        assert np.argwhere(picture > 0).tolist() == [[31 - CENTRE - up, CENTRE + right]]
