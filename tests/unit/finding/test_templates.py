import numpy as np
import pytest
import torch
from scipy import fft
from scipy.spatial.transform import Rotation

from picker.core.tomogram import Tomogram
from picker.finding.templates import (
    is_measured,
    low_pass,
    soft_mask,
    template_from_map,
    turned,
)
from tests.unit.finding.particle import RADIUS, VOXEL, density, density_map

CPU = torch.device("cpu")
TURN = Rotation.from_rotvec([0.9, -0.4, 1.3]).as_matrix().astype(np.float32)
# Hardly any filter, so that the turned map is the turned density.
SHARP = 1.0


@pytest.mark.parametrize("voxel_size", [VOXEL, 15.0, 4.0])
def test_a_turned_template_is_the_turned_density_about_its_centre(voxel_size):
    template = template_from_map(density_map(voxel_size, 40), RADIUS, SHARP, VOXEL)
    (batch,) = turned(template, TURN[None], 17, VOXEL, 90.0, CPU)
    expected = density((17,) * 3, (8, 8, 8), TURN)
    # Of 2.2 in the middle of a ball; the wrong way round it would differ by 1.7.
    assert np.abs(batch[0].numpy() - expected).max() < 0.15
    assert np.abs(density((17,) * 3, (8, 8, 8), TURN.T) - expected).max() > 1


def test_the_filter_leaves_half_of_its_resolution():
    frequency = np.array([0, 1 / 60, 2 / 60], np.float32)
    np.testing.assert_allclose(low_pass(frequency, 60), [1, 0.5, 0.0625], rtol=1e-5)
    template = template_from_map(density_map(), RADIUS, 60.0, VOXEL)
    assert template.volume.max() < 0.7 * density_map().volume.max()


def test_the_wedge_leaves_nothing_steeper_than_the_greatest_tilt():
    template = template_from_map(density_map(), RADIUS, 30.0, VOXEL)
    measured = is_measured(33, 60.0)
    # Of all directions, the wedge of ±30° about z takes a third.
    assert measured.mean() == pytest.approx(2 / 3, abs=0.06)
    assert measured[0].all()
    assert not measured[5, :, 0].any()
    wedge, whole = (
        next(turned(template, TURN[None], 17, VOXEL, tilt, CPU))[0]
        for tilt in (60.0, 90.0)
    )
    spectra = [np.abs(fft.rfftn(v.numpy(), s=(33,) * 3)) ** 2 for v in (wedge, whole)]
    lost = ~is_measured(33, 70.0)  # the cut of the cube blurs the edge
    assert spectra[0][lost].sum() < 0.2 * spectra[1][lost].sum()


def test_a_mask_is_one_inside_and_zero_outside():
    mask = soft_mask(5.0)
    assert mask.shape == (13, 13, 13)
    assert mask[6, 6, 6] == mask[6, 6, 10] == 1
    assert mask[6, 6, 11] == pytest.approx(0.5)
    assert mask[6, 6, 12] == mask[0, 0, 0] == 0


def test_a_map_of_another_size_than_its_class_is_refused():
    right = density_map()
    wrong = Tomogram(name="three", volume=right.volume, voxel_size=1.0)
    with pytest.raises(ValueError, match=r"three reaches .* expected about the par"):
        template_from_map(wrong, RADIUS, 60.0, VOXEL)


def test_a_map_without_density_is_refused():
    empty = Tomogram(name="three", volume=-density_map().volume, voxel_size=VOXEL)
    with pytest.raises(ValueError, match="three has no value above 0"):
        template_from_map(empty, RADIUS, 60.0, VOXEL)
