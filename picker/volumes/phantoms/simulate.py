"""Phantom tomograms with exact truth, for the demo and the tests.

Scores on phantoms say nothing about real tomograms.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft
from scipy.spatial.transform import Rotation

from picker.core.picks import picks_from_arrays
from picker.core.tomogram import Tomogram, position_from_index
from picker.volumes.phantoms.bodies import (
    Body,
    ball,
    body,
    body_from_map,
    cluster,
    vesicle,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle, SimulateSettings
    from picker.core.picks import Picks

    Grid = NDArray[np.float32]
    Shape = tuple[int, int, int]

logger = logging.getLogger(__name__)

MIN_DISTANCE = 0.9
"""Least distance of two particles as a fraction of the sum of their radii."""
GOLD_RADIUS = 50.0
"""Radius of a 10 nm gold bead [Å]."""
BILAYER = 40.0
"""Distance of a membrane's leaflets [Å]."""
VESICLE_RADIUS = (250.0, 600.0)
"""Smallest and largest radius of a vesicle [Å]."""
WAVELENGTH = 0.0197
"""Wavelength of electrons at 300 kV [Å]."""


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
    for particle in particles:
        if particle.radius < settings.voxel_size:
            raise ValueError(
                f"radius of {particle.name} is {particle.radius} Å, expected at least"
                f" simulate.voxel_size, {settings.voxel_size} Å; raise the radius or"
                " lower the voxel size"
            )
    # A plain modulo admits negative seeds, which the generator itself does not.
    rng = np.random.default_rng([settings.seed % 2**64, index])
    bodies = [
        body_from_map(maps[p.name], p.radius, settings.voxel_size)
        if maps and p.name in maps
        else body(place)
        for place, p in enumerate(particles)
    ]
    signal, centre_zyx, kinds = _place_everything(rng, particles, bodies, settings)
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


def _place_everything(
    rng: np.random.Generator,
    particles: tuple[Particle, ...],
    bodies: Sequence[Body],
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

    if settings.membranes:
        _place_vesicles(volume, layout, rng, settings)
    centres: list[list[NDArray[np.float64]]] = [[] for _ in particles]
    for kind in np.argsort(-radii, kind="stable"):  # the largest need the most room
        for _ in range(counts[kind]):
            near = None
            if settings.clustering and centres[kind]:
                # Beside any of them: chains and clumps, as sheets of a lysate have.
                beside = centres[kind][int(rng.integers(len(centres[kind])))]
                near = beside if rng.random() < settings.clustering else None
            spot = layout.free_spot(radii[kind], near)
            if spot is not None:
                centres[kind].append(spot)
                strength = rng.uniform(0.85, 1.15)
                _paste(volume, bodies[kind], spot, radii[kind], strength, rng)
        if len(centres[kind]) < counts[kind]:
            logger.warning(
                "room for %d of %d particles of %s; lower simulate.particles_per_class",
                len(centres[kind]),
                counts[kind],
                particles[kind].name,
            )

    for _ in range(rng.poisson(settings.particles_per_class * rng.uniform(0.5, 2.0))):
        radius = float(np.median(radii)) * rng.uniform(0.35, 0.65)
        crowder = Body(density=cluster(rng, num=4), centre=(0, 0, 0), reach=0.9)
        spot = layout.free_spot(radius)
        if spot is not None:
            _paste(volume, crowder, spot, radius, rng.uniform(0.7, 1.1), rng)
    for _ in range(rng.poisson(0.7)):
        radius = GOLD_RADIUS / settings.voxel_size
        spot = layout.free_spot(radius)
        if spot is not None:
            bead = Body(density=ball, centre=(0, 0, 0), reach=1.0)
            _paste(volume, bead, spot, radius, rng.uniform(5, 9), rng)

    found = [spot for of_kind in centres for spot in of_kind]
    kinds = np.repeat(np.arange(len(particles)), [len(c) for c in centres])
    return volume, np.array(found).reshape(-1, 3), kinds


def _place_vesicles(
    volume: Grid, layout: _Layout, rng: np.random.Generator, settings: SimulateSettings
) -> None:
    """Add membranes that do not cross each other, but may be cut by the faces."""
    for _ in range(rng.poisson(settings.membranes)):
        radius = rng.uniform(*VESICLE_RADIUS)
        reach, half = np.array([radius, 0.75 * BILAYER]) / settings.voxel_size
        tries = rng.uniform(0, layout.last, size=(50, 3))
        free = [
            all(
                np.linalg.norm(centre - other) >= reach + shell + 2 * half
                for other, shell, _ in layout.shells
            )
            for centre in tries
        ]
        if any(free):
            centre = tries[free.index(True)]
            layout.keep_off_shell(centre, reach, half)
            _paste(volume, vesicle(radius, BILAYER), centre, reach, 1.0, rng)


class _Layout:
    """Spheres and shells placed so far; finds room for the next."""

    def __init__(self, rng: np.random.Generator, shape_zyx: Shape) -> None:
        self.rng = rng
        self.last = np.array(shape_zyx, np.float64) - 1
        self.centres = np.empty((0, 3))
        self.radii = np.empty(0)
        self.shells: list[tuple[NDArray[np.float64], float, float]] = []

    def keep_off_shell(
        self, centre: NDArray[np.float64], radius: float, half: float
    ) -> None:
        """Leave a shell free, `half` to either side of its radius [voxels]."""
        self.shells.append((centre, radius, half))

    def free_spot(
        self, radius: float, near: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64] | None:
        """Return and occupy a `(3,)` free index, or None after many tries.

        It lies beside `near`, if there is room, else anywhere.
        """
        # Faces cut some particles, as lamellae do, but leave more than half of each.
        margin = np.minimum(0.6 * radius, self.last / 4)
        tries = self.rng.uniform(margin, self.last - margin, size=(500, 3))
        if near is not None:
            way = self.rng.normal(size=(200, 3))
            way /= np.linalg.norm(way, axis=1, keepdims=True)
            beside = near + way * radius * self.rng.uniform(1.9, 3.0, size=(200, 1))
            inside = ((beside >= margin) & (beside <= self.last - margin)).all(axis=1)
            tries = np.concatenate([beside[inside], tries])
        gaps = np.sqrt(((tries[:, None] - self.centres) ** 2).sum(axis=2))
        free = (gaps >= MIN_DISTANCE * (self.radii + radius)).all(axis=1)
        for centre, shell, half in self.shells:
            off = np.abs(np.linalg.norm(tries - centre, axis=1) - shell)
            free &= off >= MIN_DISTANCE * radius + half
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
    half = what.extent * radius
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
    # Reconstructions are smoothed, some more than others. Particles lose detail as
    # noise does: were it left to them, whitening would find it without any noise.
    grain = rng.uniform(0.16, 0.26) / settings.voxel_size
    shown = wedge * np.exp(-((square / grain**2) ** 2))
    noise = _filtered(noise, shown)
    seen = _filtered(signal, shown * _transfer(rng, square))

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
