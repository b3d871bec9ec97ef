"""Candidates of several methods, joined where they are of one particle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import Picks, concatenate, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.config.vote import VoteSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """What one member found in a tomogram.

    Attributes
    ----------
    found
        Candidates [Å]. Scores of different members must compare, as those of
        `picker.scoring.comparable` do.
    weight
        Of the member, above 0.
    """

    found: Picks
    weight: float


def vote(
    ballots: Sequence[Ballot], particles: Iterable[Particle], settings: VoteSettings
) -> Picks:
    """Return the joined candidates of all members, best first.

    Class by class, the best candidate that is left takes of each other member the
    nearest one that is left within the distance: one of each member, measured from that
    candidate alone, so that there are no chains. The position is the mean by weight
    times score. A single member's candidates come back as they are.

    Parameters
    ----------
    ballots
        One of each member, also of one that found nothing.
    particles
        Classes; candidates of others are dropped.
    settings
        Distance, least number of members, and what a joined candidate's score is.

    Source: Solovyev et al. 2021, Weighted boxes fusion, Image and Vision Computing 107,
    doi:10.1016/j.imavis.2021.104117; here with distances in place of overlaps.
    """
    weights = np.array([ballot.weight for ballot in ballots], np.float64)
    parts = []
    for particle in particles:
        found = [ballot.found.of(particle.name) for ballot in ballots]
        member = np.repeat(np.arange(len(found)), [len(one) for one in found])
        every = concatenate(found)
        distance = settings.distance_per_radius * particle.radius
        position, score = [], []
        for group in _groups(every, member, distance):
            if len(group) < settings.min_methods:
                continue
            share = weights[member[group]]
            scores = every.score[group].astype(np.float64)
            position.append(_mean(every.position_zyx[group], share * scores))
            score.append(_score(scores, share, weights, settings.score))
        names = [particle.name] * len(score)
        parts.append(picks_from_arrays(np.array(position), names, np.array(score)))
    joined = concatenate(parts)
    return joined.select(np.argsort(-joined.score, kind="stable"))


def _groups(picks: Picks, member: NDArray[np.intp], distance: float) -> list[list[int]]:
    """Return indices of candidates of one particle each, the best in front."""
    neighbours: dict[int, list[tuple[float, int]]] = {}
    if len(picks):
        tree = cKDTree(picks.position_zyx)
        pairs = tree.query_pairs(distance, output_type="ndarray")
        pairs = pairs[member[pairs[:, 0]] != member[pairs[:, 1]]]
        ends = picks.position_zyx[pairs]
        gap = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
        for (a, b), away in zip(pairs.tolist(), gap.tolist(), strict=True):
            neighbours.setdefault(a, []).append((away, b))
            neighbours.setdefault(b, []).append((away, a))
    groups = []
    free = np.ones(len(picks), np.bool_)
    for best in np.argsort(-picks.score, kind="stable").tolist():
        if not free[best]:
            continue
        group = {int(member[best]): best}
        for _, other in sorted(neighbours.get(best, ())):
            if free[other]:
                group.setdefault(int(member[other]), other)
        groups.append(list(group.values()))
        free[groups[-1]] = False
    return groups


def _mean(
    position_zyx: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weighted mean of `(n, 3)` positions; of a single one itself."""
    if len(position_zyx) == 1 or not weight.any():
        first: NDArray[np.float64] = position_zyx[0]
        return first
    mean: NDArray[np.float64] = weight @ position_zyx / weight.sum()
    return mean


def _score(
    scores: NDArray[np.float64],
    share: NDArray[np.float64],
    weights: NDArray[np.float64],
    kind: str,
) -> float:
    """Return the score of a joined candidate.

    Parameters
    ----------
    scores, share
        `(n,)` of its candidates, and their members' weights.
    weights
        Of all members.
    kind
        As `VoteSettings.score`.
    """
    if kind == "any_right":
        # A member of twice the mean weight counts as two of that score.
        wrong = np.power(1 - scores, share / weights.mean())
        return float(1 - np.prod(wrong))
    return float((share * scores).sum() / weights.sum())
