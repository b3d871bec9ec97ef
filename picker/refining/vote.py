"""Candidates of several methods, joined where they are of one particle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import concatenate, no_picks
from picker.core.rotations import first_known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.config.vote import VoteSettings
    from picker.core.picks import Picks


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
    times score. The rotation is that of the best; if it has none, of the nearest to it
    that has one. A single member's candidates come back as they are.

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
        groups = _groups(every, member, settings.distance_per_radius * particle.radius)
        groups = [group for group in groups if len(group) >= settings.min_methods]
        parts.append(_joined(every, weights[member], groups, weights, settings.score))
    joined = concatenate(parts)
    return joined.select(np.argsort(-joined.score, kind="stable"))


def _groups(picks: Picks, member: NDArray[np.intp], distance: float) -> list[list[int]]:
    """Return indices of candidates of one particle each.

    The best is in front, then the nearest to it.
    """
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


def _joined(
    every: Picks,
    share: NDArray[np.float64],
    groups: list[list[int]],
    weights: NDArray[np.float64],
    kind: str,
) -> Picks:
    """Return the candidates of one class, those of a group as one.

    Parameters
    ----------
    every, share
        All candidates, and the weight of each one's member.
    groups
        Indices of candidates.
    weights
        Of all members.
    kind
        As `VoteSettings.score`.
    """
    if not groups:
        return no_picks()
    index = np.concatenate(groups)
    size = np.array([len(group) for group in groups])
    group = np.repeat(np.arange(len(groups)), size)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(group, values, len(groups)).astype(np.float64)

    score = every.score[index].astype(np.float64)
    pull = share[index] * np.maximum(score, 1e-9)
    position = every.position_zyx[index]
    mean = np.stack([total(pull * axis) for axis in position.T], 1)
    mean /= total(pull)[:, None]
    first = np.cumsum(size) - size
    # Of a single one exactly its own.
    mean = np.where(size[:, None] == 1, position[first], mean)
    if kind == "any_right":
        # A member of twice the mean weight counts as two of that score.
        wrong = np.log(np.maximum(1 - score, 1e-12)) * share[index] / weights.mean()
        joined = 1 - np.exp(total(wrong))
    else:
        joined = total(share[index] * score) / weights.sum()
    return replace(
        every.select(index[first]),
        position_zyx=mean,
        score=np.clip(joined, 0, 1).astype(np.float32),
        rotation=first_known(every.rotation, groups),
    )
