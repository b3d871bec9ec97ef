"""The shapes of phantom particles: densities at any point, not templates on a grid.

Most are formulas, so that a particle can have any sub-voxel position and orientation;
they only resemble proteins. A density map is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from picker.core.tomogram import Tomogram

    Grid = NDArray[np.float32]
    Density = Callable[[Grid, Grid, Grid], Grid]


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
        This length becomes the particle's radius: the distance from the centre that
        holds 97 % of the mass, or of a density map the radius itself.
    extent
        Multiple of the reach beyond which there is nothing.
    is_round
        Whether it looks the same in every orientation.
    """

    density: Density
    centre: tuple[float, float, float]
    reach: float
    extent: float = 1.5
    is_round: bool = False


@lru_cache(maxsize=64)
def body(place: int) -> Body:
    """Return the shape of the class at a place in the list, which counts from 0.

    0 is two unequal lobes, 1 a hollow sphere, 2 a barrel of four rings, 3 a rod with
    a head, 4 a ring of six beads, 5 a studded, filled capsid; every further place has
    an irregular cluster of its own, and these resemble each other more.
    """
    makers = (_two_lobes, _hollow_sphere, _barrel, _rod, _beads, _capsid)
    if place < len(makers):
        make = makers[place]
        return _measured(make(), is_round=make is _hollow_sphere)
    return _measured(cluster(np.random.default_rng(place), num=3 + place % 4))


def body_from_map(density_map: Tomogram, radius: float, voxel_size: float) -> Body:
    """Return the shape that a density map shows, at its true size.

    Values of 0 or less are taken for solvent. The inside of every map gets the same
    density, since maps have scales of their own and proteins are about equally dense.

    Parameters
    ----------
    density_map
        `(z, y, x)` density, particles light, and its voxel size [Å].
    radius
        The particle's radius [Å].
    voxel_size
        Of the tomogram [Å]; finer detail is smoothed away, else the result would
        depend on where a voxel happens to lie.

    Raises
    ------
    ValueError
        If nothing in the map is above 0.
    """
    volume = np.maximum(np.asarray(density_map.volume, np.float32), 0)
    if not volume.any():
        raise ValueError(
            f"density map {density_map.name} has no value above 0; expected a map of a"
            " particle with light density on a dark background"
        )
    spacing = density_map.voxel_size
    volume = ndimage.gaussian_filter(
        volume, 0.4 * voxel_size / spacing, mode="constant"
    )
    volume[volume < 0.02 * volume.max()] = 0  # dust would put mass far outside
    volume /= volume[volume > 0.5 * volume.max()].mean()
    middle = (np.array(volume.shape) - 1) / 2
    centre = (np.array(ndimage.center_of_mass(volume)) - middle) * spacing
    # Axis by axis: a list of all filled voxels would be many times the map.
    z, y, x = np.ogrid[tuple(slice(0, size) for size in volume.shape)]
    square = sum(
        (((axis - m) * spacing - c) ** 2).astype(np.float32)
        for axis, m, c in zip((z, y, x), middle, centre, strict=True)
    )
    farthest = float(np.sqrt(np.where(volume > 0, square, 0).max()))

    def density(z: Grid, y: Grid, x: Grid) -> Grid:
        index = np.stack(np.broadcast_arrays(z, y, x)) / np.float32(spacing)
        index += middle.astype(np.float32)[:, None, None, None]
        result: Grid = ndimage.map_coordinates(volume, index, order=1, cval=0)
        return result

    return Body(
        density=density,
        centre=(centre[0], centre[1], centre[2]),
        reach=radius,
        extent=farthest / radius + 0.1,
    )


def _measured(density: Density, *, is_round: bool = False) -> Body:
    """Return the body of a density, its centre and reach found on a fine grid."""
    axis = np.linspace(-1.6, 1.6, 49, dtype=np.float32)
    grid = np.meshgrid(axis, axis, axis, indexing="ij")
    weight = density(*grid).astype(np.float64)
    centre = [float((weight * g).sum() / weight.sum()) for g in grid]
    distance = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
    order = np.argsort(distance, axis=None, kind="stable")
    mass = np.cumsum(weight.ravel()[order])
    reach = distance.ravel()[order][np.searchsorted(mass, 0.97 * mass[-1])]
    return Body(
        density=density,
        centre=(centre[0], centre[1], centre[2]),
        reach=float(reach),
        is_round=is_round,
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
        distance = np.sqrt(z**2 + y**2 + x**2)
        result: Grid = np.exp(-(((distance - 0.8) / 0.2) ** 2))
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
        distance = np.sqrt(z**2 + y**2 + x**2)
        shell = np.exp(-(((distance - 0.75) / 0.12) ** 2))
        core = np.exp(-((distance / 0.4) ** 4))
        result: Grid = np.maximum(0.7 * shell + 0.5 * core, studs(z, y, x))
        return result

    return density


def cluster(rng: np.random.Generator, num: int) -> Density:
    """Return an irregular cluster of `num` blobs."""
    direction = rng.normal(size=(num, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centres = direction * rng.uniform(0.15, 0.75, size=(num, 1))
    centres *= rng.uniform(0.3, 1.2, size=3)  # some are flat, some long
    return _sum_of_gaussians(centres.tolist(), rng.uniform(0.14, 0.26, num).tolist())


def vesicle(radius: float, thickness: float) -> Body:
    """Return a closed membrane: two leaflets of lipid heads, less between them.

    Parameters
    ----------
    radius
        Of the membrane's middle [Å].
    thickness
        Distance of the leaflets [Å].
    """
    half = 0.5 * thickness / radius

    def density(z: Grid, y: Grid, x: Grid) -> Grid:
        off = (np.sqrt(z**2 + y**2 + x**2) - 1) / np.float32(half)
        leaflets = np.exp(-(((np.abs(off) - 1) / 0.5) ** 2))
        result: Grid = np.maximum(leaflets, 0.5 * (np.abs(off) < 1)).astype(np.float32)
        return result

    return Body(density=density, centre=(0, 0, 0), reach=1.0, extent=1 + 3 * half)


def ball(z: Grid, y: Grid, x: Grid) -> Grid:
    """Return the density of a ball of radius 1 with a rather sharp edge."""
    result: Grid = np.exp(-((z**2 + y**2 + x**2) ** 4))
    return result
