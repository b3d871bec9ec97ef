"""A particle of three balls that looks different from every side, and its map."""

import numpy as np

from picker.core.tomogram import Tomogram

VOXEL = 10.0
RADIUS = 80.0
CENTRES = np.array([[0.0, 0.0, 45.0], [0.0, 40.0, -25.0], [35.0, -20.0, -20.0]])
"""From the centre of mass [Å], z, y, x."""
MASSES = np.array([1.0, 1.0, 2.0])
CENTRES -= MASSES @ CENTRES / MASSES.sum()
SIGMA = 16.0
"""Of each ball [Å]."""


def density(shape, centre, rotation=None, voxel_size=VOXEL):
    """Return the particle on a grid, its centre at an index."""
    grid = np.indices(shape).reshape(3, -1).T * voxel_size
    balls = CENTRES if rotation is None else CENTRES @ rotation.T
    found = np.zeros(len(grid))
    for ball, mass in zip(balls, MASSES, strict=True):
        square = ((grid - np.multiply(centre, voxel_size) - ball) ** 2).sum(axis=1)
        found += mass * np.exp(-square / (2 * SIGMA**2))
    return found.reshape(shape).astype(np.float32)


def density_map(voxel_size=VOXEL, size=24):
    """Return the map, its particle off the middle of the box."""
    centre = np.add(size / 2, [1.0, -0.7, 0.4])
    volume = density((size,) * 3, centre, voxel_size=voxel_size)
    return Tomogram(name="three", volume=volume, voxel_size=voxel_size)
