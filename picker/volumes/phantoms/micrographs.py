"""Phantom micrographs: projections of phantoms along z, with exact truth.

Scores on phantoms say nothing about real micrographs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from picker.core.picks import Picks
from picker.core.tomogram import Tomogram, index_from_position
from picker.volumes.phantoms.imaging import imaged
from picker.volumes.phantoms.simulate import clean_density

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from picker.config import Particle, SimulateSettings

GRAIN = 0.5
"""Standard deviation of the film's darkness, of its mean."""


def simulate_micrograph(
    name: str,
    index: int,
    particles: tuple[Particle, ...],
    settings: SimulateSettings,
    maps: Mapping[str, Tomogram] | None = None,
) -> tuple[Tomogram, Picks]:
    """Return a phantom micrograph and the true centres of its particles.

    It is a volume of one slice. Smoothing, contrast transfer, ice and noise are those
    of phantom tomograms, in two dimensions: of a microscope it shows no more than that
    particles are dark, with the rings of a defocus, in noise of the same smoothness.

    Parameters
    ----------
    name, index, particles, maps
        As for `simulate_tomogram`.
    settings
        As there, but `shape_zyx` has the thickness in which centres lie, y and x: with
        a thickness of 1 particles lie side by side, in thicker ice some hide others.
        There are no missing wedge and no halves.

    Returns
    -------
    Tomogram with a `(1, y, x)` float32 volume of mean 0 and standard deviation 1, and
    its picks in order of class, positions in Å, z 0.

    Raises
    ------
    ValueError
        As `simulate_tomogram`, or if the settings ask for halves.
    """
    if settings.halves:
        raise ValueError(
            "simulate.halves is true, but micrographs have no halves; set it to false"
        )
    rng = np.random.default_rng([settings.seed % 2**64, index])
    largest = max(particle.radius for particle in particles) / settings.voxel_size
    above = int(np.ceil(1.5 * largest))
    density, picks = clean_density(rng, name, particles, settings, maps, above)
    # What is seen through the middle of an average particle is near 1, as in a volume.
    average = float(np.mean([particle.radius for particle in particles]))
    projection = density.sum(axis=0, keepdims=True)
    projection *= np.float32(settings.voxel_size / (2 * average))
    flat = settings.model_copy(
        update={"shape_zyx": projection.shape, "missing_wedge": 0.0}
    )
    volume, _ = imaged(rng, projection, flat)
    position_zyx = picks.position_zyx.copy()
    position_zyx[:, 0] = 0
    found = Picks(position_zyx=position_zyx, particle=picks.particle, score=picks.score)
    if settings.carbon:
        film = carbon_film(index, settings)
        volume = _with_film(volume, film, index, settings)
        at = index_from_position(position_zyx, settings.voxel_size).round().astype(int)
        found = found.select(film[at[:, 1], at[:, 2]] < 0.5)
    return Tomogram(name=name, volume=volume, voxel_size=settings.voxel_size), found


def carbon_film(index: int, settings: SimulateSettings) -> NDArray[np.float32]:
    """Return how much of each pixel of a micrograph is carbon, in 0..1.

    The film has a round hole whose edge is ragged, and blurred over some 30 Å. Seed and
    index alone decide where.

    Parameters
    ----------
    index, settings
        As for `simulate_micrograph`.

    Returns
    -------
    `(y, x)` float32.
    """
    rng = _film_numbers(index, settings)
    height, width = settings.shape_zyx[1:]
    longer = max(height, width)
    y, x = np.mgrid[:height, :width]
    y, x = (y - height / 2) / longer, (x - width / 2) / longer
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 2.0)
    y, x = y + away * np.sin(angle), x + away * np.cos(angle)
    reach = np.hypot(y, x)
    around = np.arctan2(y, x) * away  # along the edge, in longer axes
    for wave in (2, 3, 5, 8):
        phase = rng.uniform(0, 2 * np.pi)
        reach += rng.normal(0, 0.004) * np.sin(2 * np.pi * wave * around + phase)
    depth = reach - np.quantile(reach, 1 - rng.uniform(0.125, 0.5))
    blur = 10 / (settings.voxel_size * longer)
    film: NDArray[np.float32] = expit(depth / blur).astype(np.float32)
    return film


def _with_film(
    volume: NDArray[np.float32],
    film: NDArray[np.float32],
    index: int,
    settings: SimulateSettings,
) -> NDArray[np.float32]:
    """Return a micrograph with the film, which is grainy, of mean 0 and deviation 1."""
    rng = _film_numbers(index, settings).spawn(1)[0]
    grain = gaussian_filter(rng.standard_normal(film.shape, np.float32), 1.0)
    grain *= np.float32(GRAIN / grain.std())
    result = volume - np.float32(settings.carbon) * film * (1 + grain)
    result -= result.mean(dtype=np.float64)
    result /= result.std(dtype=np.float64)
    return result


def _film_numbers(index: int, settings: SimulateSettings) -> np.random.Generator:
    """Return random numbers of the film's own: particles and noise stay as they are."""
    return np.random.default_rng([settings.seed % 2**64, index, 1])
