"""Phantom tomograms with exact truth, for the demo and the tests.

Scores on phantoms say nothing about real tomograms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from picker.core.picks import Picks, picks_from_arrays
from picker.core.rotations import are_known
from picker.core.tomogram import Tomogram, position_from_index
from picker.volumes.phantoms.bodies import body, body_from_map
from picker.volumes.phantoms.imaging import imaged
from picker.volumes.phantoms.place import place_everything

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from picker.config import Particle, SimulateSettings

    Grid = NDArray[np.float32]


class Phantom(NamedTuple):
    """A phantom tomogram, its true picks, and its halves' noise.

    Attributes
    ----------
    tomogram, picks
        As `simulate_tomogram` returns them.
    noise
        `(z, y, x)` as the volume, which added to it gives the even half and subtracted
        the odd one; None without halves.
    """

    tomogram: Tomogram
    picks: Picks
    noise: Grid | None


def simulate_tomogram(
    name: str,
    index: int,
    particles: tuple[Particle, ...],
    settings: SimulateSettings,
    maps: Mapping[str, Tomogram] | None = None,
) -> tuple[Tomogram, Picks]:
    """Return a phantom tomogram and the true poses of its particles.

    Positions are centres of mass, and rotations turn the body, as `body` or the density
    map has it, into the tomogram; that of a round body is unknown, as none can be seen.
    The shape of a class without a density map follows from its place in the list, see
    `body`. Particles are dark, and may be cut by a face of the volume, but their
    centres lie inside. Seed and index alone decide the outcome, whatever was simulated
    before.

    Parameters
    ----------
    name
        Name of the tomogram; has no influence on its density.
    index
        Number of the tomogram, 0 or more; each has its own random numbers.
    particles
        Classes to place; radii in Å.
    settings
        Size, voxel size [Å], signal-to-noise ratio, missing wedge [degrees], seed.
    maps
        Density maps of classes by name: particles light, each with its voxel size [Å].

    Returns
    -------
    Tomogram with a `(z, y, x)` float32 volume of mean 0 and standard deviation 1,
    and its picks in order of class, positions in Å, each with score 1.

    Raises
    ------
    ValueError
        If a particle's radius is below one voxel, or none was placed at all.
    """
    phantom = simulate_phantom(name, index, particles, settings, maps)
    return phantom.tomogram, phantom.picks


def simulate_phantom(
    name: str,
    index: int,
    particles: tuple[Particle, ...],
    settings: SimulateSettings,
    maps: Mapping[str, Tomogram] | None = None,
) -> Phantom:
    """Return a phantom with the noise of its halves, if the settings ask for halves.

    Arguments and errors as for `simulate_tomogram`; the tomogram is the same too.
    """
    # A plain modulo admits negative seeds, which the generator itself does not.
    rng = np.random.default_rng([settings.seed % 2**64, index])
    signal, picks = clean_density(rng, name, particles, settings, maps)
    volume, noise = imaged(rng, signal, settings)
    tomogram = Tomogram(name=name, volume=volume, voxel_size=settings.voxel_size)
    return Phantom(tomogram, picks, noise)


def clean_density(
    rng: np.random.Generator,
    name: str,
    particles: tuple[Particle, ...],
    settings: SimulateSettings,
    maps: Mapping[str, Tomogram] | None = None,
    above: int = 0,
) -> tuple[Grid, Picks]:
    """Return the `(z, y, x)` density of a phantom, particles near 1, and its picks.

    Parameters
    ----------
    rng
        Draws everything.
    name, particles, settings, maps
        As for `simulate_tomogram`, with its errors.
    above
        Voxels that the density has more than the settings say, above and below, where
        no centre lies.
    """
    for particle in particles:
        if particle.radius < settings.voxel_size:
            raise ValueError(
                f"radius of {particle.name} is {particle.radius} Å, expected at least"
                f" simulate.voxel_size, {settings.voxel_size} Å; raise the radius or"
                " lower the voxel size"
            )
    bodies = [
        body_from_map(maps[p.name], p.radius, settings.voxel_size)
        if maps and p.name in maps
        else body(place)
        for place, p in enumerate(particles)
    ]
    signal, centre_zyx, rotation, classes = place_everything(
        rng, particles, bodies, settings, above
    )
    if len(classes) == 0:
        raise ValueError(
            f"no particle was placed in {name}: {settings.shape_zyx} voxels of"
            f" {settings.voxel_size} Å, {settings.particles_per_class} particles a"
            " class; raise simulate.shape_zyx or simulate.particles_per_class"
        )
    for place, shape in enumerate(bodies):
        if shape.is_round:
            rotation[classes == place] = np.nan
    picks = picks_from_arrays(
        position_from_index(centre_zyx, settings.voxel_size),
        [particles[place].name for place in classes],
        rotation=rotation if are_known(rotation).any() else None,
    )
    return signal, picks
