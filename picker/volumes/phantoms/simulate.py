"""Phantom tomograms with exact truth, for the demo and the tests.

Scores on phantoms say nothing about real tomograms.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from picker.core.picks import Picks, picks_from_arrays
from picker.core.tomogram import Tomogram, position_from_index
from picker.volumes.phantoms.bodies import (
    Body,
    ball,
    body,
    body_from_map,
    cluster,
    vesicle,
)
from picker.volumes.phantoms.imaging import imaged
from picker.volumes.phantoms.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle, SimulateSettings

    Grid = NDArray[np.float32]

logger = logging.getLogger(__name__)

GOLD_RADIUS = 50.0
"""Radius of a 10 nm gold bead [Å]."""
BILAYER = 40.0
"""Distance of a membrane's leaflets [Å]."""
VESICLE_RADIUS = (250.0, 600.0)
"""Smallest and largest radius of a vesicle [Å]."""


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
    """Return a phantom tomogram and the true centres of mass of its particles.

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
    signal, centre_zyx, classes = _place_everything(
        rng, particles, bodies, settings, above
    )
    if len(classes) == 0:
        raise ValueError(
            f"no particle was placed in {name}: {settings.shape_zyx} voxels of"
            f" {settings.voxel_size} Å, {settings.particles_per_class} particles a"
            " class; raise simulate.shape_zyx or simulate.particles_per_class"
        )
    picks = picks_from_arrays(
        position_from_index(centre_zyx, settings.voxel_size),
        [particles[place].name for place in classes],
    )
    return signal, picks


def _place_everything(
    rng: np.random.Generator,
    particles: tuple[Particle, ...],
    bodies: Sequence[Body],
    settings: SimulateSettings,
    above: int,
) -> tuple[Grid, NDArray[np.float64], NDArray[np.intp]]:
    """Return the clean density, `(n, 3)` centres [voxels] and `(n,)` classes."""
    depth, *across = settings.shape_zyx
    volume = np.zeros((depth + 2 * above, *across), np.float32)
    layout = Layout(rng, settings.shape_zyx, above)
    radii = np.array([p.radius for p in particles]) / settings.voxel_size
    counts = rng.poisson(settings.particles_per_class, len(particles))
    if settings.particles_per_class >= 1:
        # A labeled tomogram without one of its classes would teach its absence.
        counts = np.maximum(counts, 1)
    if settings.membranes:
        _place_vesicles(volume, layout, rng, settings)
    centres: list[list[NDArray[np.float64]]] = [[] for _ in particles]
    for place in np.argsort(-radii, kind="stable"):  # the largest need the most room
        centres[place] = _place_class(
            volume,
            layout,
            rng,
            bodies[place],
            radii[place],
            counts[place],
            settings.clustering,
        )
        if len(centres[place]) < counts[place]:
            logger.warning(
                "room for %d of %d particles of %s; lower simulate.particles_per_class",
                len(centres[place]),
                counts[place],
                particles[place].name,
            )
    _place_crowders(volume, layout, rng, float(np.median(radii)), settings)
    _place_gold(volume, layout, rng, settings)
    classes = np.repeat(np.arange(len(particles)), [len(c) for c in centres])
    all_centres = [centre for of_class in centres for centre in of_class]
    return volume, np.array(all_centres).reshape(-1, 3), classes


def _place_vesicles(
    volume: Grid, layout: Layout, rng: np.random.Generator, settings: SimulateSettings
) -> None:
    """Add membranes that do not cross each other, but may be cut by the faces."""
    for _ in range(rng.poisson(settings.membranes)):
        radius = rng.uniform(*VESICLE_RADIUS)
        reach, half = np.array([radius, 0.75 * BILAYER]) / settings.voxel_size
        tries = rng.uniform(layout.first, layout.last, size=(50, 3))
        free = [
            all(
                np.linalg.norm(centre - other) >= reach + shell + 2 * half
                for other, shell, _ in layout.shells
            )
            for centre in tries
        ]
        if any(free):
            centre = tries[free.index(True)]
            layout.add_shell(centre, reach, half)
            _paste(volume, vesicle(radius, BILAYER), centre, reach, 1.0, rng)


def _place_class(
    volume: Grid,
    layout: Layout,
    rng: np.random.Generator,
    shape: Body,
    radius: float,
    count: int,
    clustering: float,
) -> list[NDArray[np.float64]]:
    """Add particles of one class and return their centres [voxels]."""
    centres: list[NDArray[np.float64]] = []
    for _ in range(count):
        near = None
        if clustering and centres:
            # Beside any of them: chains and clumps, as sheets of a lysate have.
            beside = centres[int(rng.integers(len(centres)))]
            near = beside if rng.random() < clustering else None
        centre = layout.add_sphere(radius, near)
        if centre is not None:
            centres.append(centre)
            _paste(volume, shape, centre, radius, rng.uniform(0.85, 1.15), rng)
    return centres


def _place_crowders(
    volume: Grid,
    layout: Layout,
    rng: np.random.Generator,
    median_radius: float,
    settings: SimulateSettings,
) -> None:
    """Add proteins of no class, smaller than the particles [voxels]."""
    for _ in range(rng.poisson(settings.particles_per_class * rng.uniform(0.5, 2.0))):
        radius = median_radius * rng.uniform(0.35, 0.65)
        crowder = Body(density=cluster(rng, num=4), centre=(0, 0, 0), reach=0.9)
        centre = layout.add_sphere(radius)
        if centre is not None:
            _paste(volume, crowder, centre, radius, rng.uniform(0.7, 1.1), rng)


def _place_gold(
    volume: Grid, layout: Layout, rng: np.random.Generator, settings: SimulateSettings
) -> None:
    """Add a few gold beads, much denser than any protein."""
    for _ in range(rng.poisson(0.7)):
        radius = GOLD_RADIUS / settings.voxel_size
        centre = layout.add_sphere(radius)
        if centre is not None:
            bead = Body(density=ball, centre=(0, 0, 0), reach=1.0)
            _paste(volume, bead, centre, radius, rng.uniform(5, 9), rng)


def _paste(
    volume: Grid,
    shape: Body,
    centre_zyx: NDArray[np.float64],
    radius: float,
    strength: float,
    rng: np.random.Generator,
) -> None:
    """Add a body in a random orientation; centre and radius in voxels."""
    quaternion = rng.normal(size=4)  # normalised it is uniform over all rotations
    rotation = Rotation.from_quat(quaternion).as_matrix() * (shape.reach / radius)
    half = shape.extent * radius
    start = np.maximum(np.ceil(centre_zyx - half), 0).astype(int)
    stop = np.minimum(np.floor(centre_zyx + half) + 1, volume.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    z, y, x = np.ogrid[box]
    dz, dy, dx = z - centre_zyx[0], y - centre_zyx[1], x - centre_zyx[2]
    # Written out rather than as a matrix product, whose last bits vary with threads.
    z, y, x = (
        (row[0] * dz + row[1] * dy + row[2] * dx + offset).astype(np.float32)
        for row, offset in zip(rotation, shape.centre, strict=True)
    )
    volume[box] += strength * shape.density(z, y, x)
