"""Where two looks at one tomogram disagree: its halves, or two methods.

Scores of two models do not compare, and a threshold says what a score is worth. So a
score counts by where it lies between 0, its threshold and 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import no_picks
from picker.refining.select import suppress_close

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks

FOUND = 0.5
"""Candidates of two looks this near to each other are the same [radii]."""
APART = 1.0
"""Of disputes nearer to each other than this the greatest is kept [radii]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What somebody found in one tomogram without knowing of the other look.

    Attributes
    ----------
    name
        Who that is, as it stands under pictures.
    found
        All candidates [Å].
    thresholds
        Class: lowest score of a pick.
    model
        Fingerprint of the model, where it is not that of the page.
    """

    name: str
    found: Picks
    thresholds: Mapping[str, float]
    model: str = ""

    def about(self, particle: str) -> str:
        """Return its name, the threshold of a class, and what model it is of."""
        model = f", model {self.model[:12]}" if self.model else ""
        return f"{self.name} (threshold {self.thresholds[particle]:.3f}{model})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispute:
    """A pick of one look where the other has none.

    Attributes
    ----------
    position_zyx
        `(3,)` [Å].
    score
        Of the look that has it.
    difference
        Of both scores, each placed by its threshold; in 0..1.
    said
        Both scores in words.
    """

    position_zyx: NDArray[np.float64]
    score: float
    difference: float
    said: str


def disputes(pairs: Iterable[tuple[Look, Look]], particle: Particle) -> list[Dispute]:
    """Return what looks at one tomogram disagree about, the greatest dispute first.

    Parameters
    ----------
    pairs
        The looks to be compared.
    particle
        The class.
    """
    found = [
        dispute
        for first, second in pairs
        for one, other in ((first, second), (second, first))
        for dispute in _lacking(one, other, particle)
    ]
    found.sort(key=lambda dispute: -dispute.difference)
    if not found:
        return []
    kept = suppress_close(
        np.stack([dispute.position_zyx for dispute in found]),
        np.array([dispute.difference for dispute in found], np.float32),
        APART * particle.radius,
    )
    return [found[place] for place in np.arange(len(found))[kept]]


def standing(score: NDArray[np.floating], threshold: float) -> NDArray[np.float64]:
    """Return where scores lie: 0 at 0, a half at the threshold, 1 at 1.

    Linear between these.
    """
    above = 0.5 + 0.5 * (score - threshold) / max(1 - threshold, 1e-9)
    below = 0.5 * score / max(threshold, 1e-9)
    return np.where(score >= threshold, above, below).clip(0, 1).astype(np.float64)


def _lacking(one: Look, other: Look, particle: Particle) -> list[Dispute]:
    """Return the picks of a look where the other one has no pick."""
    least, least_other = (look.thresholds[particle.name] for look in (one, other))
    picks = one.found.of(particle.name)
    picks = picks.select(picks.score >= least) if len(picks) else no_picks()
    if not len(picks):
        return []
    again = best_near(
        picks.position_zyx, other.found.of(particle.name), FOUND * particle.radius
    )
    lacks = np.flatnonzero(again < np.float32(least_other))
    difference = standing(picks.score, least) - standing(again, least_other)
    return [
        Dispute(
            position_zyx=picks.position_zyx[place],
            score=float(picks.score[place]),
            difference=float(difference[place]),
            said=f"{one.name} {picks.score[place]:.3f},"
            f" {other.name} {f'{again[place]:.3f}' if again[place] else 'none'}",
        )
        for place in lacks.tolist()
    ]


def best_near(
    position_zyx: NDArray[np.float64], candidates: Picks, distance: float
) -> NDArray[np.float32]:
    """Return the highest score of a candidate within a distance [Å] of each position.

    Returns
    -------
    `(n,)` scores; 0 where there is no candidate.
    """
    best = np.zeros(len(position_zyx), np.float32)
    if not len(candidates) or not len(position_zyx):
        return best
    near = cKDTree(candidates.position_zyx).query_ball_point(position_zyx, distance)
    for place, found in enumerate(near):
        if found:
            best[place] = candidates.score[found].max()
    return best
