"""Candidates that nobody has checked to labels: which of them teach, and which do not.

What is surest is taken for a particle, what is less sure for neither particle nor
background, and the rest of a tomogram is background.

Source: Zhang et al. 2024, UPicker, section Unsupervised pre-training (there all
proposals are labels).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import concatenate
from picker.refining.select import classes_apart, picks_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from picker.config import Particle
    from picker.core.picks import Picks


class Proposals(NamedTuple):
    """Candidates of one tomogram as labels, best first in each class.

    Attributes
    ----------
    sure
        What teaches as a particle.
    doubtful
        What teaches nothing.
    """

    sure: Picks
    doubtful: Picks


def proposals_of(
    candidates: Picks,
    particles: Iterable[Particle],
    least: float,
    doubt: float,
    top: int | None,
) -> Proposals:
    """Return which candidates of a tomogram teach, none within a radius of another.

    Parameters
    ----------
    candidates
        Peaks [Å]; those of other classes are dropped.
    particles
        The classes.
    least
        Lowest score of what is sure.
    doubt
        Fraction of that score from which on a candidate is doubtful, in 0..1.
    top
        Greatest number of sure ones in a class: those of the highest scores. Others
        are doubtful. None: no limit.
    """
    sure, doubtful = [], []
    for particle in particles:
        apart = picks_apart(candidates.of(particle.name), particle.radius)
        num_sure = int(np.count_nonzero(apart.score >= least))
        num_sure = num_sure if top is None else min(num_sure, top)
        is_seen = apart.score >= doubt * least
        place = np.arange(len(apart))
        sure.append(apart.select(place < num_sure))
        doubtful.append(apart.select((place >= num_sure) & is_seen))
    return Proposals(sure=concatenate(sure), doubtful=concatenate(doubtful))


def for_every_class(
    candidates: Picks,
    particles: Sequence[Particle],
    least: float,
    doubt: float,
    top: int | None,
) -> Proposals:
    """Return proposals of which each sure one is there once for every class.

    They say where particles are and not which, of those whose candidates do not tell
    classes apart. Parameters as for `proposals_of`, with `top` for the classes' own.
    """
    found = proposals_of(
        of_best_class(candidates, particles), particles, least, doubt, top
    )
    sure = [
        replace(found.sure, particle=np.full(len(found.sure), particle.name))
        for particle in particles
    ]
    return Proposals(sure=concatenate(sure), doubtful=found.doubtful)


def scores_of_number(
    found: Iterable[Picks], particles: Sequence[Particle], numbers: Sequence[int]
) -> list[float]:
    """Return the score of each class above which so many candidates lie.

    It is midway to the next one, as finding again gives scores that differ by rounding;
    that of the last candidate where there are fewer. Without any, or for none, 0.5.

    Parameters
    ----------
    found
        Candidates of all tomograms.
    particles
        The classes.
    numbers
        Of each class, in all tomograms.
    """
    all_found = [classes_apart(picks, particles, 1.0) for picks in found]
    scores = []
    for particle, number in zip(particles, numbers, strict=True):
        of_class = concatenate(picks.of(particle.name) for picks in all_found).score
        best_first = -np.sort(-of_class.astype(np.float64))
        last = min(number, len(best_first))
        around = best_first[last - 1 : last + 1] if last else [0.5]
        scores.append(float(np.mean(around)))
    return scores


def of_best_class(candidates: Picks, particles: Iterable[Particle]) -> Picks:
    """Return the candidates without those that a better one of another class covers.

    A candidate covers what is within the radius of its class.
    """
    radii = {particle.name: particle.radius for particle in particles}
    found = candidates.select(np.isin(candidates.particle, list(radii)))
    if len(found) < 2:
        return found
    tree = cKDTree(found.position_zyx)
    pairs = tree.query_pairs(max(radii.values()), output_type="ndarray")
    pairs = pairs[found.particle[pairs[:, 0]] != found.particle[pairs[:, 1]]]
    first_wins = found.score[pairs[:, 0]] >= found.score[pairs[:, 1]]
    better = np.where(first_wins, pairs[:, 0], pairs[:, 1])
    worse = np.where(first_wins, pairs[:, 1], pairs[:, 0])
    gap = np.linalg.norm(found.position_zyx[better] - found.position_zyx[worse], axis=1)
    reach = np.array([radii[str(name)] for name in found.particle])
    keep = np.ones(len(found), bool)
    keep[worse[gap < reach[better]]] = False
    return found.select(keep)
