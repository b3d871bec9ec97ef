"""The circles in which a slice cuts particles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks

Circle = tuple[float, float, float, str]
"""x, y from the upper left corner and radius [voxels], and color."""


def cut(
    picks: Picks, radius: float, z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions and in-plane radii [Å] of the particles that a plane cuts.

    A sphere of radius r at a distance d from the plane is cut in a circle of radius
    sqrt(r^2 - d^2).
    """
    distance = picks.position_zyx[:, 0] - z
    is_cut = np.abs(distance) < radius
    return picks.position_zyx[is_cut], np.sqrt(radius**2 - distance[is_cut] ** 2)


def circles_at(
    z: float, picks: Picks, particle: Particle, voxel_size: float, num_y: int
) -> list[Circle]:
    """Return the circles in which a plane cuts the particles of one class.

    Parameters
    ----------
    z
        Of the plane [Å].
    picks
        All of that class.
    particle
        Its radius [Å] and color.
    voxel_size, num_y
        Of the tomogram, [Å] and [voxels] along y.
    """
    circles = []
    for at, radius in zip(*cut(picks, particle.radius, z), strict=True):
        x, y = at[2] / voxel_size + 0.5, num_y - at[1] / voxel_size - 0.5
        circles.append((x, y, radius / voxel_size, particle.color))
    return circles
