"""One phantom tomogram or micrograph to its files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from picker.jobs.densities import read_densities
from picker.project.claims import delete_leftovers_of_ended_jobs
from picker.volumes.phantoms.micrographs import simulate_micrograph
from picker.volumes.phantoms.simulate import simulate_phantom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle, SimulateSettings
    from picker.config.base import Dimensions

logger = logging.getLogger("picker")


def simulate(
    name: str,
    index: int,
    particles: tuple[Particle, ...],
    settings: SimulateSettings,
    *,
    output: Path,
    truth: Path,
    halves: Sequence[Path] = (),
    dimensions: Dimensions = 3,
) -> dict[str, int]:
    """Write a phantom, its halves and its particles; return how many of each class.

    Parameters
    ----------
    name, index
        The tomogram's name, and its number, which is part of the seed.
    particles
        The classes; those with a `density` have the shape in that file.
    settings
        Size, number of particles, noise.
    output, truth
        MRC file and STAR file to write.
    halves
        MRC files of the even and the odd half to write, where `settings.halves`.
    dimensions
        3 makes a tomogram, 2 a micrograph, which has no halves.

    Raises
    ------
    ValueError
        If a density cannot be read, there are not as many halves as asked for, or any
        of a micrograph.
    """
    if len(halves) != 2 * settings.halves:
        raise ValueError(
            f"simulate.halves is {str(settings.halves).lower()} and {len(halves)} files"
            f" of halves are named; expected {2 * settings.halves}, change one"
        )
    delete_leftovers_of_ended_jobs(output.parent)
    logger.info("simulates %s", name)
    maps = read_densities(particles)
    noise = None
    if dimensions == 2:
        tomogram, picks = simulate_micrograph(name, index, particles, settings, maps)
    else:
        tomogram, picks, noise = simulate_phantom(
            name, index, particles, settings, maps
        )
    write_volume(output, tomogram.volume, tomogram.voxel_size)
    if noise is not None:
        for path, part in zip(halves, (noise, -noise), strict=True):
            write_volume(path, tomogram.volume + part, tomogram.voxel_size)
    write_picks(truth, picks)
    logger.info("simulated %s with %d particles", name, len(picks))
    return {particle.name: len(picks.of(particle.name)) for particle in particles}
