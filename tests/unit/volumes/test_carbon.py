"""The carbon film of micrographs: found where there is one, and nowhere else."""

import numpy as np
import pytest

from picker.config import Particle, PreprocessSettings, SimulateSettings
from picker.volumes.carbon import Arc, away_from_carbon, find_carbon
from picker.volumes.exclude import allowed_region
from picker.volumes.phantoms.micrographs import carbon_film, simulate_micrograph

CARBON = PreprocessSettings(avoid_carbon=0)
PARTICLES = Particle(name="a", radius=120), Particle(name="b", radius=90)
SIMULATED = SimulateSettings(
    shape_zyx=(30, 200, 256), particles_per_class=10, snr=(0.2, 0.2), carbon=1.5
)


def noise(shape=(128, 160), seed=0):
    return np.random.default_rng(seed).normal(7, 3, shape).astype(np.float32)


def hole(shape, centre, radius):
    """Return where carbon is, about a round hole [pixels]."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(y - centre[0], x - centre[1]) > radius


def test_an_arc_is_as_deep_as_places_are_far_from_it():
    straight, round_ = Arc(np.pi / 2, 0.1, 0.0), Arc(0.0, 0.2, 0.5)
    y, x = np.array([0.3, -0.1]), np.array([0.7, 0.2])
    assert straight.depth(y, x) == pytest.approx([0.2, -0.2])
    # A hole of radius 2 whose middle is at x = -1.8.
    assert round_.depth(y, x) == pytest.approx(np.hypot(y, x + 1.8) - 2)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_simulated_film_is_left_out_and_ice_is_not(seed):
    settings = SIMULATED.model_copy(update={"seed": seed})
    micrograph, _ = simulate_micrograph("m", 0, PARTICLES, settings)
    film = carbon_film(0, settings) > 0.5
    (away,) = away_from_carbon(micrograph.volume, 10.0, CARBON)
    assert (~away)[film].mean() > 0.9
    assert (~away)[~film].mean() < 0.02


@pytest.mark.parametrize("gain", [1.0, -1e-3])
def test_the_distance_counts_from_the_edge_and_light_carbon_is_found_too(gain):
    film = hole((128, 160), (60, -40), 140)
    image = noise()
    image[film] -= 6
    are = "dark" if gain > 0 else "light"
    settings = PreprocessSettings(avoid_carbon=100, particles_are=are)
    (away,) = away_from_carbon(gain * image[None] + 5, 10.0, settings)
    nearer = hole((128, 160), (60, -40), 130)
    assert (away != ~nearer).mean() < 0.01
    # Without contrast of that sign there is no film, but a hole in the ice.
    assert find_carbon(gain * image, is_dark=gain < 0) == []


def test_the_films_of_two_holes_are_found():
    image = noise()
    film = np.zeros(image.shape, np.bool_)
    film[:, :30] = film[:, -40:] = True
    image[film] -= 9
    (away,) = away_from_carbon(image[None], 10.0, CARBON)
    assert (away == film).mean() < 0.03


def test_what_is_dark_along_a_part_of_an_edge_alone_is_no_film():
    y, x = np.ogrid[:128, :160]
    image = noise()
    image[(np.hypot(y - 40, x - 110) < 30)] -= 9
    assert find_carbon(image, is_dark=True) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_film_nothing_is_found(seed):
    settings = SIMULATED.model_copy(update={"seed": seed, "carbon": 0.0})
    micrograph, _ = simulate_micrograph("m", 0, PARTICLES, settings)
    assert find_carbon(micrograph.volume[0], is_dark=True) == []


def test_ice_that_grows_thicker_a_bead_and_no_image_are_no_film():
    y, x = np.mgrid[-1:1:128j, -1:1:160j]
    image = noise() - 8 * x - 5 * y**2
    image[20:30, 20:30] -= 500
    assert find_carbon(image, is_dark=True) == []
    assert find_carbon(np.full((64, 64), 3.0), is_dark=True) == []
    for value in (np.nan, np.inf):
        image[3, 3] = value
        assert find_carbon(image, is_dark=True) == []
    assert find_carbon(noise((20, 20)), is_dark=True) == []


def test_it_joins_the_region_and_needs_a_micrograph():
    film = hole((128, 160), (60, -40), 140)
    image = noise()
    image[film] -= 6
    mask = np.ones((1, 128, 160), np.bool_)
    mask[:, :64] = False
    region, _, _ = allowed_region(image[None], 10.0, CARBON, mask)
    assert (region[0] != (mask[0] & ~film)).mean() < 0.01
    with pytest.raises(ValueError, match=r"2 slices, but preprocess\.avoid_carbon"):
        allowed_region(np.stack([image, image]), 10.0, CARBON)
    far = PreprocessSettings(avoid_carbon=5000)
    with pytest.raises(ValueError, match="leaves nothing of the micrograph"):
        allowed_region(image[None], 10.0, far)
