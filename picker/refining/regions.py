"""Where labels are to be had at little cost: balls of a tomogram that are full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fullest_regions(
    position_zyx: NDArray[np.floating], radius: float, number: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the balls that hold the most picks, the fullest first.

    One after the other, each about a pick and none overlapping another; fewer than
    asked for where there is no more room.

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
    `(m,)` the picks at the centres, `(m,)` how many each ball holds.
    """
    held = np.zeros(len(position_zyx), np.intp)
    if len(position_zyx):
        tree = cKDTree(position_zyx)
        held = tree.query_ball_point(position_zyx, radius, return_length=True)
    free = np.ones(len(position_zyx), bool)
    chosen: list[int] = []
    while len(chosen) < number and free.any():
        # Of equal ones the first stays.
        best = int(np.argmax(np.where(free, held, -1)))
        chosen.append(best)
        away = np.linalg.norm(position_zyx - position_zyx[best], axis=1)
        free &= away >= 2 * radius
    return np.array(chosen, np.intp), held[chosen]
