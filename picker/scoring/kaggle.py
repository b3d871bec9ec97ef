"""The score of the CZII challenge, which rewards recall.

Source: CZII - CryoET Object Identification, Kaggle 2024, metric notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import no_picks
from picker.scoring.match import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks

    Count = Callable[[NDArray[np.float64], NDArray[np.float64], float], Counts]

BETA = 4.0
"""Recall counts as four times as important as precision."""
DISTANCE_PER_RADIUS = 0.5


def kaggle_counts(
    position_zyx: NDArray[np.float64], truth_zyx: NDArray[np.float64], distance: float
) -> Counts:
    """Return the counts of the CZII challenge for one class in one tomogram.

    Not one-to-one: `tp` is the number of particles with any candidate in reach and
    `fp` the number of candidates less `tp`, so a candidate in reach of two particles
    counts as `tp` 2 and `fp` -1. This is kept, so that scores compare with others'.

    Parameters
    ----------
    position_zyx, truth_zyx
        `(n, 3)` candidates and `(m, 3)` known particles [Å].
    distance
        Reach of a candidate, inclusive [Å].
    """
    num_picks, num_truth = len(position_zyx), len(truth_zyx)
    hit: set[int] = set()
    if num_picks and num_truth:
        near = cKDTree(position_zyx).query_ball_tree(cKDTree(truth_zyx), r=distance)
        hit.update(*near)
    return Counts(tp=len(hit), fp=num_picks - len(hit), fn=num_truth - len(hit))


def counts_per_pick(
    position_zyx: NDArray[np.float64], truth_zyx: NDArray[np.float64], distance: float
) -> Counts:
    """Return counts in which every candidate near a particle is right.

    Parameters as for `kaggle_counts`. That is not how the challenge counts: several
    candidates of one particle are all right here, so that adding more of them raises
    precision and recall alike.

    Returns
    -------
    `tp` candidates in reach of any particle, `fp` the others, `fn` particles without a
    candidate in reach.

    Source: report on the CZII challenge 2025, whose figures of offsets follow from it.
    """
    tp = 0
    if len(position_zyx) and len(truth_zyx):
        away, _ = cKDTree(truth_zyx).query(position_zyx)
        tp = int(np.count_nonzero(np.asarray(away) <= distance))
    missed = kaggle_counts(position_zyx, truth_zyx, distance).fn
    return Counts(tp=tp, fp=len(position_zyx) - tp, fn=missed)


def kaggle_f4(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    count: Count = kaggle_counts,
) -> dict[str, float]:
    """Return the challenge's F4 of each class.

    Counts are summed over the truth's tomograms first; without any particle it is 0.
    """
    f4 = {}
    for particle in particles:
        counts = Counts()
        for tomogram, truth in truth_by_tomogram.items():
            picks = picks_by_tomogram.get(tomogram, no_picks())
            counts += count(
                picks.of(particle.name).position_zyx,
                truth.of(particle.name).position_zyx,
                DISTANCE_PER_RADIUS * particle.radius,
            )
        f4[particle.name] = counts.f(BETA)
    return f4


def weighted_mean(f4: Mapping[str, float], particles: Sequence[Particle]) -> float:
    """Return the mean of the classes' F4 by their weights; 0 if none has a weight."""
    weight = sum(p.weight for p in particles)
    total = sum(p.weight * f4[p.name] for p in particles)
    return total / weight if weight > 0 else 0.0


def kaggle_score(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    count: Count = kaggle_counts,
) -> float:
    """Return the challenge's score: F4 of each class, averaged by its weight.

    With `counts_per_pick` in place of the challenge's own count it is another one. A
    class without any particle has F4 0 and keeps its weight.
    """
    f4 = kaggle_f4(picks_by_tomogram, truth_by_tomogram, particles, count)
    return weighted_mean(f4, particles)
