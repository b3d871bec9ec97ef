"""Candidates that are nearly in one place, made one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import concatenate
from picker.core.rotations import first_known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from picker.config import Particle
    from picker.core.picks import Picks


def merged(
    picks: Picks, particles: Iterable[Particle], distance_per_radius: float
) -> Picks:
    """Return picks, those of a class that lie nearly in one place as one.

    The best pick that is left takes all others of its class within the distance. It
    gets their mean position and keeps its score and rotation; if it has no rotation, it
    gets that of the next best. They come class by class, best first.

    Parameters
    ----------
    picks
        Candidates of one tomogram [Å].
    particles
        Classes; picks of other classes are dropped.
    distance_per_radius
        Distance as a fraction of each particle's radius, inclusive.

    Source: report on the CZII challenge 2025, algorithm 4.
    """
    return concatenate(
        _merged(picks.of(p.name), distance_per_radius * p.radius) for p in particles
    )


def _merged(picks: Picks, distance: float) -> Picks:
    """Return the picks of one class, those within a distance [Å] as one."""
    best_first = picks.select(np.argsort(-picks.score, kind="stable"))
    if not len(picks):
        return best_first
    position = best_first.position_zyx
    tree = cKDTree(position)
    free = np.ones(len(picks), np.bool_)
    groups = []
    for best in range(len(picks)):
        if not free[best]:
            continue
        around = tree.query_ball_point(position[best], distance)
        groups.append(sorted(other for other in around if free[other]))
        free[groups[-1]] = False
    return replace(
        best_first.select(np.array([group[0] for group in groups])),
        position_zyx=np.array([position[group].mean(axis=0) for group in groups]),
        rotation=first_known(best_first.rotation, groups),
    )
