"""The bodies of a phantom: each somewhere that is free, turned at random.

What is drawn from the generator, and in which order, is part of a seed's meaning.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from picker.volumes.phantoms.bodies import Body, ball, cluster, vesicle
from picker.volumes.phantoms.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class Pose(NamedTuple):
    """Where a body is, and how it is turned.

    Attributes
    ----------
    centre_zyx
        `(3,)` its centre of mass [voxels].
    rotation
        `(3, 3)`, z, y, x, as `Picks.rotation` has it.
    """

    centre_zyx: NDArray[np.float64]
    rotation: NDArray[np.float64]


def place_everything(
    rng: np.random.Generator,
    particles: tuple[Particle, ...],
    bodies: Sequence[Body],
    settings: SimulateSettings,
    above: int,
) -> tuple[Grid, NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Return the density of all bodies, and the poses of particles by class.

    Parameters
    ----------
    rng
        Draws everything.
    particles, bodies
        The classes, radii in Å, and the shape of each.
    settings
        Size, voxel size [Å], and how much there is of what.
    above
        Voxels that the density has more than the settings say, above and below, where
        no centre lies.

    Returns
    -------
    `(z, y, x)` density, particles near 1; `(n, 3)` centres [voxels], `(n, 3, 3)`
    rotations as of `Pose`, and `(n,)` places of the classes in their list.
    """
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
    poses: list[list[Pose]] = [[] for _ in particles]
    for place in np.argsort(-radii, kind="stable"):  # the largest need the most room
        poses[place] = _place_class(
            volume,
            layout,
            rng,
            bodies[place],
            radii[place],
            counts[place],
            settings.clustering,
        )
        if len(poses[place]) < counts[place]:
            logger.warning(
                "room for %d of %d particles of %s; lower simulate.particles_per_class",
                len(poses[place]),
                counts[place],
                particles[place].name,
            )
    _place_crowders(volume, layout, rng, float(np.median(radii)), settings)
    _place_gold(volume, layout, rng, settings)
    classes = np.repeat(np.arange(len(particles)), [len(p) for p in poses])
    every = [pose for of_class in poses for pose in of_class]
    centre = np.array([pose.centre_zyx for pose in every]).reshape(-1, 3)
    rotation = np.array([pose.rotation for pose in every]).reshape(-1, 3, 3)
    return volume, centre, rotation, classes


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
) -> list[Pose]:
    """Add particles of one class and return their poses."""
    poses: list[Pose] = []
    for _ in range(count):
        near = None
        if clustering and poses:
            # Beside any of them: chains and clumps, as sheets of a lysate have.
            beside = poses[int(rng.integers(len(poses)))]
            near = beside.centre_zyx if rng.random() < clustering else None
        centre = layout.add_sphere(radius, near)
        if centre is not None:
            strength = rng.uniform(0.85, 1.15)
            rotation = _paste(volume, shape, centre, radius, strength, rng)
            poses.append(Pose(centre, rotation))
    return poses


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
) -> NDArray[np.float64]:
    """Add a body in a random orientation, and return that.

    Parameters
    ----------
    volume
        `(z, y, x)`, to which it is added.
    shape
        The body.
    centre_zyx, radius
        Where its centre of mass lies and how large it is [voxels].
    strength
        Its density.
    rng
        Draws the orientation.

    Returns
    -------
    `(3, 3)` rotation, z, y, x, of the body into the volume.
    """
    quaternion = rng.normal(size=4)  # normalised it is uniform over all rotations
    # Of a place in the volume into the body, where the density is known.
    back = Rotation.from_quat(quaternion).as_matrix()
    scaled = back * (shape.reach / radius)
    half = shape.extent * radius
    start = np.maximum(np.ceil(centre_zyx - half), 0).astype(int)
    stop = np.minimum(np.floor(centre_zyx + half) + 1, volume.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    z, y, x = np.ogrid[box]
    dz, dy, dx = z - centre_zyx[0], y - centre_zyx[1], x - centre_zyx[2]
    # Written out rather than as a matrix product, whose last bits vary with threads.
    z, y, x = (
        (row[0] * dz + row[1] * dy + row[2] * dx + offset).astype(np.float32)
        for row, offset in zip(scaled, shape.centre, strict=True)
    )
    volume[box] += strength * shape.density(z, y, x)
    return back.T
