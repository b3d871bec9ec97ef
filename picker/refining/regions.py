"""Regions worth labeling: balls of a tomogram that hold many picks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.tomogram import index_from_position

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fullest_regions(
    position_zyx: NDArray[np.floating], radius: float, number: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the balls that hold the most picks, the fullest first.

    They are chosen one after the other, each centred on a pick, and none overlaps
    another; there are fewer than asked for where no more fit.

    Parameters
    ----------
    position_zyx
        `(n, 3)` picks [Å].
    radius
        Of the balls [Å].
    number
        How many are wanted.

    Returns
    -------
    `(m,)` indices of the picks at the centres, `(m,)` numbers of picks in each ball.
    """
    num_held = np.zeros(len(position_zyx), np.intp)
    if len(position_zyx):
        tree = cKDTree(position_zyx)
        num_held = tree.query_ball_point(position_zyx, radius, return_length=True)
    free = np.ones(len(position_zyx), bool)
    chosen: list[int] = []
    while len(chosen) < number and free.any():
        # Of equally full ones the first is chosen.
        best = int(np.argmax(np.where(free, num_held, -1)))
        chosen.append(best)
        away = np.linalg.norm(position_zyx - position_zyx[best], axis=1)
        free &= away >= 2 * radius
    return np.array(chosen, np.intp), num_held[chosen]


def in_any_region(
    position_zyx: NDArray[np.floating],
    centre_zyx: NDArray[np.floating],
    radius: float,
) -> NDArray[np.bool_]:
    """Return which of `(n, 3)` positions lie in a ball about any of `(m, 3)` centres.

    All lengths are in Å; a position at the radius is inside.
    """
    away = np.linalg.norm(position_zyx[:, None] - centre_zyx, axis=2)
    inside: NDArray[np.bool_] = (away <= radius).any(axis=1)
    return inside


def region_mask(
    centre_zyx: NDArray[np.floating],
    radius: float,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> NDArray[np.bool_]:
    """Return a mask of the voxels whose centres lie in any of the balls.

    Parameters
    ----------
    centre_zyx
        `(m, 3)` centres of the balls [Å].
    radius
        Of the balls [Å].
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels].

    Returns
    -------
    `(z, y, x)` true inside a ball.
    """
    mask = np.zeros(shape_zyx, bool)
    reach = radius / voxel_size
    for centre in index_from_position(centre_zyx, voxel_size):
        low = np.maximum(np.ceil(centre - reach), 0).astype(int)
        high = np.minimum(np.floor(centre + reach) + 1, shape_zyx).astype(int)
        # The ball's bounding box alone: the tomogram is much larger.
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        z, y, x = np.ogrid[box]
        square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        mask[box] |= square <= reach**2
    return mask
