"""Phantom tomograms with exact truth, for the demo and the tests.

Particles are made of formulas, so that one can be placed at any sub-voxel position
in any orientation without interpolating a template. They only resemble proteins;
scores on phantoms say nothing about real tomograms.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft
from scipy.spatial.transform import Rotation

from picker.picks import picks_from_arrays
from picker.tomogram import Tomogram, position_from_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from picker.config import Particle, SimulateSettings
    from picker.picks import Picks

    Grid = NDArray[np.float32]
    Shape = tuple[int, int, int]
    Density = Callable[[Grid, Grid, Grid], Grid]

logger = logging.getLogger(__name__)

MIN_DISTANCE = 0.9
"""Least distance of two particles as a fraction of the sum of their radii."""
GOLD_RADIUS = 50.0
"""Radius of a 10 nm gold bead [Å]."""
WAVELENGTH = 0.0197
"""Wavelength of electrons at 300 kV [Å]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """The density of one kind of particle, in units of its own.

    Attributes
    ----------
    density
        Density, about 0 to 1, at coordinates z, y, x; near 0 beyond 1.6.
    centre
        Centre of mass.
    reach
        Distance from the centre that holds 97 % of the mass.
    """

    density: Density
    centre: tuple[float, float, float]
    reach: float


def simulate_tomogram(
    name: str, index: int, particles: tuple[Particle, ...], settings: SimulateSettings
) -> tuple[Tomogram, Picks]:
    """Return a phantom tomogram and the true centres of mass of its particles.

    The shape of a class follows from its place in the list, see `body`. Particles
    are dark, and may be cut by a face of the volume, but their centres lie inside.
    Seed and index alone decide the outcome, whatever was simulated before.

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

    Returns
    -------
    Tomogram with a `(z, y, x)` float32 volume of mean 0 and standard deviation 1,
    and its picks in order of class, positions in Å, each with score 1.

    Raises
    ------
    ValueError
        If a particle's radius is below one voxel, or none was placed at all.
    """
    for particle in particles:
        if particle.radius < settings.voxel_size:
            raise ValueError(
                f"radius of {particle.name} is {particle.radius} Å, expected at least"
                f" simulate.voxel_size, {settings.voxel_size} Å; raise the radius or"
                " lower the voxel size"
            )
    # A plain modulo admits negative seeds, which the generator itself does not.
    rng = np.random.default_rng([settings.seed % 2**64, index])
    signal, centre_zyx, kinds = _place_everything(rng, particles, settings)
    if len(kinds) == 0:
        raise ValueError(
            f"no particle was placed in {name}: {settings.shape_zyx} voxels of"
            f" {settings.voxel_size} Å, {settings.particles_per_class} particles a"
            " class; raise simulate.shape_zyx or simulate.particles_per_class"
        )
    volume = _imaged(rng, signal, settings)
    picks = picks_from_arrays(
        position_from_index(centre_zyx, settings.voxel_size),
        [particles[kind].name for kind in kinds],
    )
    return Tomogram(name=name, volume=volume, voxel_size=settings.voxel_size), picks


@lru_cache(maxsize=64)
def body(place: int) -> Body:
    """Return the shape of the class at a place of the list, 0 first.

    0 is two unequal lobes, 1 a hollow sphere, 2 a barrel of four rings, 3 a rod with
    a head, 4 a ring of six beads, 5 a studded, filled capsid; every further place has
    an irregular cluster of its own, and these resemble each other more.
    """
    makers = (_two_lobes, _hollow_sphere, _barrel, _rod, _beads, _capsid)
    if place < len(makers):
        return _measured(makers[place]())
    return _measured(_cluster(np.random.default_rng(place), num=3 + place % 4))


def _measured(density: Density) -> Body:
    """Return the body of a density, its centre and reach found on a fine grid."""
    axis = np.linspace(-1.6, 1.6, 49, dtype=np.float32)
    grid = np.meshgrid(axis, axis, axis, indexing="ij")
    weight = density(*grid).astype(np.float64)
    centre = [float((weight * g).sum() / weight.sum()) for g in grid]
    far = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
    order = np.argsort(far, axis=None, kind="stable")
    mass = np.cumsum(weight.ravel()[order])
    reach = far.ravel()[order][np.searchsorted(mass, 0.97 * mass[-1])]
    return Body(
        density=density, centre=(centre[0], centre[1], centre[2]), reach=float(reach)
    )


def _sum_of_gaussians(centres: list[list[float]], sigmas: list[float]) -> Density:
    """Return a solid with soft edges: a sum of Gaussians that levels off at 1."""

    def density(z: Grid, y: Grid, x: Grid) -> Grid:
        total = np.zeros(np.broadcast_shapes(z.shape, y.shape, x.shape), np.float32)
        for (cz, cy, cx), sigma in zip(centres, sigmas, strict=True):
            square = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
            total += np.exp(square * (-0.5 / sigma**2))
        result: Grid = -np.expm1(-2.0 * total)
        return result

    return density


def _two_lobes() -> Density:
    large = [[-0.30, 0.0, 0.0], [-0.25, 0.36, 0.15], [-0.25, -0.36, 0.15]]
    stalks = [[-0.15, 0.58, -0.32], [-0.15, -0.15, 0.48], [-0.55, 0.05, -0.10]]
    small = [[0.42, 0.28, 0.0], [0.45, -0.10, -0.05], [0.48, -0.44, -0.18]]
    sigmas = [0.28, 0.24, 0.24, 0.14, 0.18, 0.20, 0.17, 0.20, 0.16]
    return _sum_of_gaussians(large + stalks + small, sigmas)


def _hollow_sphere() -> Density:
    def density(z: Grid, y: Grid, x: Grid) -> Grid:
        far = np.sqrt(z**2 + y**2 + x**2)
        result: Grid = np.exp(-(((far - 0.8) / 0.2) ** 2))
        return result

    return density


def _barrel() -> Density:
    def density(z: Grid, y: Grid, x: Grid) -> Grid:
        wall = np.exp(-(((np.sqrt(y**2 + x**2) - 0.42) / 0.22) ** 2))
        ends = np.exp(-((z / 0.85) ** 8))
        rings = 0.85 - 0.15 * np.cos(z * np.float32(5 * np.pi))
        result: Grid = wall * ends * rings
        return result

    return density


def _rod() -> Density:
    centres = [[c, 0.0, 0.0] for c in (-0.9, -0.6, -0.3, 0.0, 0.3)]
    head = [[0.62, 0.18, 0.0], [0.70, -0.20, 0.05]]
    return _sum_of_gaussians(centres + head, [0.15] * 5 + [0.19, 0.19])


def _beads() -> Density:
    angles = np.arange(6) * (np.pi / 3)
    centres = [[0.0, 0.72 * float(np.sin(a)), 0.72 * float(np.cos(a))] for a in angles]
    return _sum_of_gaussians(centres, [0.17] * 6)


def _capsid() -> Density:
    golden = (1 + 5**0.5) / 2
    corners = np.array(
        [
            np.roll([0.0, a, b * golden], shift)
            for shift in range(3)
            for a in (-1, 1)
            for b in (-1, 1)
        ]
    )
    corners *= 0.92 / np.linalg.norm(corners[0])
    studs = _sum_of_gaussians(corners.tolist(), [0.12] * 12)

    def density(z: Grid, y: Grid, x: Grid) -> Grid:
        far = np.sqrt(z**2 + y**2 + x**2)
        shell = np.exp(-(((far - 0.75) / 0.12) ** 2))
        core = np.exp(-((far / 0.4) ** 4))
        result: Grid = np.maximum(0.7 * shell + 0.5 * core, studs(z, y, x))
        return result

    return density


def _cluster(rng: np.random.Generator, num: int) -> Density:
    way = rng.normal(size=(num, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    centres = way * rng.uniform(0.15, 0.75, size=(num, 1))
    centres *= rng.uniform(0.3, 1.2, size=3)  # some are flat, some long
    return _sum_of_gaussians(centres.tolist(), rng.uniform(0.14, 0.26, num).tolist())


def _place_everything(
    rng: np.random.Generator,
    particles: tuple[Particle, ...],
    settings: SimulateSettings,
) -> tuple[Grid, NDArray[np.float64], NDArray[np.intp]]:
    """Return the clean density, `(n, 3)` centres [voxels] and `(n,)` classes."""
    volume = np.zeros(settings.shape_zyx, np.float32)
    layout = _Layout(rng, settings.shape_zyx)
    radii = np.array([p.radius for p in particles]) / settings.voxel_size
    counts = rng.poisson(settings.particles_per_class, len(particles))
    if settings.particles_per_class >= 1:
        # A labeled tomogram without one of its classes would teach its absence.
        counts = np.maximum(counts, 1)

    centres: list[list[NDArray[np.float64]]] = [[] for _ in particles]
    for kind in np.argsort(-radii, kind="stable"):  # the largest need the most room
        for _ in range(counts[kind]):
            spot = layout.free_spot(radii[kind])
            if spot is not None:
                centres[kind].append(spot)
                strength = rng.uniform(0.85, 1.15)
                _paste(volume, body(int(kind)), spot, radii[kind], strength, rng)
        if len(centres[kind]) < counts[kind]:
            logger.warning(
                "room for %d of %d particles of %s; lower simulate.particles_per_class",
                len(centres[kind]),
                counts[kind],
                particles[kind].name,
            )

    for _ in range(rng.poisson(settings.particles_per_class * rng.uniform(0.5, 2.0))):
        radius = float(np.median(radii)) * rng.uniform(0.35, 0.65)
        crowder = Body(density=_cluster(rng, num=4), centre=(0, 0, 0), reach=0.9)
        spot = layout.free_spot(radius)
        if spot is not None:
            _paste(volume, crowder, spot, radius, rng.uniform(0.7, 1.1), rng)
    for _ in range(rng.poisson(0.7)):
        radius = GOLD_RADIUS / settings.voxel_size
        spot = layout.free_spot(radius)
        if spot is not None:
            bead = Body(density=_ball, centre=(0, 0, 0), reach=1.0)
            _paste(volume, bead, spot, radius, rng.uniform(5, 9), rng)

    found = [spot for of_kind in centres for spot in of_kind]
    kinds = np.repeat(np.arange(len(particles)), [len(c) for c in centres])
    return volume, np.array(found).reshape(-1, 3), kinds


def _ball(z: Grid, y: Grid, x: Grid) -> Grid:
    result: Grid = np.exp(-((z**2 + y**2 + x**2) ** 4))
    return result


class _Layout:
    """Spheres placed so far; finds room for the next."""

    def __init__(self, rng: np.random.Generator, shape_zyx: Shape) -> None:
        self.rng = rng
        self.last = np.array(shape_zyx, np.float64) - 1
        self.centres = np.empty((0, 3))
        self.radii = np.empty(0)

    def free_spot(self, radius: float) -> NDArray[np.float64] | None:
        """Return and occupy a `(3,)` free index, or None after many tries."""
        # Faces cut some particles, as lamellae do, but leave more than half of each.
        margin = np.minimum(0.6 * radius, self.last / 4)
        tries = self.rng.uniform(margin, self.last - margin, size=(500, 3))
        gaps = np.sqrt(((tries[:, None] - self.centres) ** 2).sum(axis=2))
        free = (gaps >= MIN_DISTANCE * (self.radii + radius)).all(axis=1)
        if not free.any():
            return None
        spot: NDArray[np.float64] = tries[int(np.argmax(free))]
        self.centres = np.vstack([self.centres, spot])
        self.radii = np.append(self.radii, radius)
        return spot


def _paste(
    volume: Grid,
    what: Body,
    centre_zyx: NDArray[np.float64],
    radius: float,
    strength: float,
    rng: np.random.Generator,
) -> None:
    """Add a body at a random orientation; centre and radius in voxels."""
    quaternion = rng.normal(size=4)  # normalised it is uniform over all rotations
    rotation = Rotation.from_quat(quaternion).as_matrix() * (what.reach / radius)
    half = 1.5 * radius
    first = np.maximum(np.ceil(centre_zyx - half), 0).astype(int)
    stop = np.minimum(np.floor(centre_zyx + half) + 1, volume.shape).astype(int)
    z, y, x = np.ogrid[tuple(slice(a, b) for a, b in zip(first, stop, strict=True))]
    dz, dy, dx = z - centre_zyx[0], y - centre_zyx[1], x - centre_zyx[2]
    # Written out rather than as a matrix product, whose last bits vary with threads.
    z, y, x = (
        (row[0] * dz + row[1] * dy + row[2] * dx + offset).astype(np.float32)
        for row, offset in zip(rotation, what.centre, strict=True)
    )
    box = volume[tuple(slice(a, b) for a, b in zip(first, stop, strict=True))]
    box += strength * what.density(z, y, x)


def _imaged(rng: np.random.Generator, signal: Grid, settings: SimulateSettings) -> Grid:
    """Return the volume as a microscope would show a density; particles dark."""
    shape = settings.shape_zyx
    kz, ky, kx = (
        f.astype(np.float32) / np.float32(settings.voxel_size)
        for f in np.meshgrid(
            fft.fftfreq(shape[0]),
            fft.fftfreq(shape[1]),
            fft.rfftfreq(shape[2]),
            indexing="ij",
            sparse=True,
        )
    )
    square = kz**2 + ky**2 + kx**2
    wedge = _wedge(kz, kx, settings.missing_wedge)
    noise = rng.standard_normal(shape, dtype=np.float32)
    # Reconstructions are smoothed, some more than others: noise loses its grain.
    grain = rng.uniform(0.16, 0.26) / settings.voxel_size
    noise = _filtered(noise, wedge * np.exp(-((square / grain**2) ** 2)))
    seen = _filtered(signal, wedge * _transfer(rng, square))

    snr = rng.uniform(*settings.snr)
    inside = signal > 0.3
    level = float(seen[inside & (signal < 1.5)].std()) / float(noise.std())
    volume: Grid = -seen - noise * np.float32(level / np.sqrt(snr))
    spread = volume.std()
    for axis, size in enumerate(shape):  # ice is not equally thick everywhere
        at = np.linspace(-1, 1, size, dtype=np.float32)
        slope, bend = rng.normal(0, (0.15, 0.10))
        ice = np.float32(spread) * (np.float32(slope) * at + np.float32(bend) * at**2)
        volume += ice.reshape([-1 if a == axis else 1 for a in range(3)])
    volume -= volume.mean(dtype=np.float64)
    volume /= volume.std(dtype=np.float64)
    return volume


def _filtered(volume: Grid, filter_zyx: Grid) -> Grid:
    """Return a volume after a filter in Fourier space, on one thread."""
    spectrum = fft.rfftn(volume, workers=1)
    spectrum *= filter_zyx
    result: Grid = fft.irfftn(
        spectrum, s=volume.shape, workers=1, overwrite_x=True
    ).astype(np.float32, copy=False)
    return result


def _wedge(kz: Grid, kx: Grid, half_angle: float) -> Grid:
    """Return 0 in the missing wedge of a tilt about y, 1 outside, a soft edge."""
    if half_angle == 0:
        return np.ones(np.broadcast_shapes(kz.shape, kx.shape), np.float32)
    tilt = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
    edge = np.clip((90 - half_angle - tilt) / 2.0, -30, 30)
    result: Grid = (1 / (1 + np.exp(-edge))).astype(np.float32)
    result[0, :, 0] = 1  # no tilt misses the mean along z and x
    return result


def _transfer(rng: np.random.Generator, square: Grid) -> Grid:
    """Return the contrast transfer at squared frequencies [1/Å²], phases flipped.

    Defocus 2 to 5 µm; a floor under the zeros, as after a partial deconvolution.
    """
    defocus, floor = rng.uniform(2e4, 5e4), rng.uniform(0.4, 0.8)
    phase = square * np.float32(np.pi * WAVELENGTH * defocus) + np.float32(0.1)
    result: Grid = (np.abs(np.sin(phase)) + np.float32(floor)) * np.exp(-625 * square)
    return result
