"""Where a person should look: candidates that the model cannot decide on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH = 2.0
"""Log odds above or below the threshold at which a candidate counts as decided."""


def uncertainty(
    score: NDArray[np.floating], threshold: NDArray[np.floating] | float
) -> NDArray[np.float64]:
    """Return how undecided candidates are: 1 at their threshold, 0 far from it.

    It falls along a straight line in log odds. Scores are averages over the flipped
    views, so that one in the middle is a place where views disagree, or all hesitate.

    Parameters
    ----------
    score
        `(n,)` in [0, 1].
    threshold
        Of each one's class, in [0, 1].

    Source: uncertainty sampling, Lewis & Gale 1994, A sequential algorithm for training
    text classifiers.
    """
    inside = np.clip(np.asarray(score, np.float64), 1e-6, 1 - 1e-6)
    cut = np.clip(threshold, 1e-6, 1 - 1e-6)
    undecided: NDArray[np.float64] = np.clip(
        1 - np.abs(logit(inside) - logit(cut)) / REACH, 0, None
    )
    return undecided


def uncertain_regions(
    position_zyx: NDArray[np.floating],
    uncertainty: NDArray[np.floating],
    radius: float,
    number: int,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the balls that hold the most uncertainty, the fullest first.

    One after the other, each about a candidate and none overlapping another; fewer
    than asked for where there is no more room, or nothing uncertain left.

    Parameters
    ----------
    position_zyx
        `(n, 3)` candidates [Å].
    uncertainty
        `(n,)`, see `uncertainty`.
    radius
        Of the balls [Å].
    number
        How many are wanted.

    Returns
    -------
    `(m,)` the candidates at the centres, `(m,)` the uncertainty that each ball holds.
    """
    some = np.flatnonzero(np.asarray(uncertainty) > 0)
    if not len(some):
        return np.empty(0, np.intp), np.empty(0)
    position, weight = position_zyx[some], np.asarray(uncertainty, np.float64)[some]
    near = cKDTree(position).query_ball_point(position, radius)
    held = np.array([weight[members].sum() for members in near])
    free = np.ones(len(some), bool)
    chosen: list[int] = []
    while len(chosen) < number and free.any():
        # Of equal ones the first stays.
        best = int(np.argmax(np.where(free, held, -1)))
        chosen.append(best)
        free &= np.linalg.norm(position - position[best], axis=1) >= 2 * radius
    return some[chosen], held[chosen]
