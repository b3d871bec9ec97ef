"""Phantom micrographs: projections of phantoms along z, with exact truth.

Scores on phantoms say nothing about real micrographs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import Picks
from picker.core.tomogram import Tomogram
from picker.volumes.phantoms.imaging import imaged
from picker.volumes.phantoms.simulate import clean_density

if TYPE_CHECKING:
    from collections.abc import Mapping

    from picker.config import Particle, SimulateSettings


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
    return (
        Tomogram(name=name, volume=volume, voxel_size=settings.voxel_size),
        Picks(position_zyx=position_zyx, particle=picks.particle, score=picks.score),
    )
