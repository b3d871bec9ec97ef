from __future__ import annotations

import numpy as np
import pytest

from picker.config import Particle, SimulateSettings
from picker.volumes.contrast import check_contrast
from picker.volumes.phantoms.simulate import simulate_tomogram
from tests.unit.volumes.test_normalise import blob, noise

PARTICLES = (
    Particle(name="ribosome", radius=120),
    Particle(name="apo-ferritin", radius=65),
)


@pytest.fixture(scope="module")
def phantom():
    settings = SimulateSettings(shape_zyx=(40, 88, 96), particles_per_class=6)
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, settings)
    radii = {p.name: p.radius / 10 for p in PARTICLES}
    radius = np.array([radii[str(name)] for name in picks.particle])
    return tomogram.volume, picks.position_zyx / tomogram.voxel_size, radius


@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.parametrize("are", ["dark", "light"])
@pytest.mark.parametrize("setting", ["dark", "light"])
def test_contrast_warns_of_the_wrong_polarity_only(phantom, are, setting, scale):
    dark, index, radius = phantom
    volume = scale * dark * (1 if are == "dark" else -1) + 100
    warning = check_contrast(volume, index, radius, setting)
    if are == setting:
        assert warning is None
    else:
        assert f"at {len(index)} known picks" in warning
        assert warning.startswith(f"particles are {are}er than their surroundings")
        assert warning.endswith(f"set preprocess.particles_are: {are}")


def test_contrast_holds_for_hollow_particles_alone(phantom):
    dark, index, radius = phantom
    hollow = radius < 7
    assert hollow.sum() >= 5
    assert check_contrast(dark, index[hollow], radius[hollow], "dark") is None
    assert check_contrast(dark, index[hollow], radius[hollow], "light") is not None


def test_contrast_is_silent_where_nothing_can_be_said():
    volume = noise((24, 40, 56))
    index = np.random.default_rng(1).uniform(4, 20, (12, 3))
    assert check_contrast(volume, index, 3.0) is None
    light = blob(volume.shape, 1.0, (12, 20, 28), 3.0)
    assert check_contrast(light, np.array([[12.0, 20.0, 28.0]]), 5.0) is None
    assert check_contrast(volume, np.empty((0, 3)), np.empty(0)) is None
    assert check_contrast(volume, np.full((8, 3), 500.0), 3.0) is None
    assert check_contrast(volume, np.full((8, 3), -500.0), 3.0) is None
    assert check_contrast(volume * np.nan, index, 3.0) is None
