"""What somebody said of single candidates of a tomogram, and what nobody has said yet.

In a file of answers a pick's score is what a perfect heatmap has there: 1, here is a
particle of its class; 0, here is none of it. What is between is a pick that nobody has
judged: it lies so near to an answer that what it occupies would count as background.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import concatenate
from picker.refining.select import with_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.config import Particle
    from picker.core.picks import Picks

RIGHT, WRONG = 1.0, 0.0
LEAST = 0.001
"""Least distance of an open pick's score from both."""
SAME_PLACE = 0.5
"""Fraction of the smaller radius within which two answers are about one particle, as
the evaluation has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Answers about one tomogram.

    Attributes
    ----------
    right
        Particles, each of its class.
    wrong
        Where no particle of the class is.
    unjudged
        Picks near answers of which nobody said anything.
    """

    right: Picks
    wrong: Picks
    unjudged: Picks

    @property
    def picks(self) -> Picks:
        """All of them as picks whose scores tell them apart."""
        score = np.clip(self.unjudged.score, LEAST, 1 - LEAST)
        return concatenate(
            [
                scored(self.right, RIGHT),
                scored(self.wrong, WRONG),
                replace(self.unjudged, score=score.astype(np.float32)),
            ]
        )


def answers_of(picks: Picks) -> Answers:
    """Return the answers that picks are, by their scores."""
    is_right, is_wrong = picks.score == RIGHT, picks.score == WRONG
    return Answers(
        right=picks.select(is_right),
        wrong=picks.select(is_wrong),
        unjudged=picks.select(~is_right & ~is_wrong),
    )


def scored(picks: Picks, score: float) -> Picks:
    """Return the picks, all with one score."""
    return replace(picks, score=np.full(len(picks), score, np.float32))


def latest(picks: Picks, radius: Mapping[str, float]) -> tuple[Picks, Picks]:
    """Return the answers that stand, and those that a later one contradicts.

    A later answer takes the place of an earlier one about the same particle: of the
    same class, or if both say that a particle is there.

    Parameters
    ----------
    picks
        Answers, the earliest first, with the score 1 or 0.
    radius
        Of each class [Å].
    """
    radii = np.array([radius[str(name)] for name in picks.particle], np.float64)
    stands = np.ones(len(picks), np.bool_)
    contradicted = np.zeros(len(picks), np.bool_)
    is_right = picks.score == RIGHT
    for later in range(1, len(picks)):
        earlier = slice(later)
        away = np.linalg.norm(
            picks.position_zyx[earlier] - picks.position_zyx[later], axis=1
        )
        near = away <= SAME_PLACE * np.minimum(radii[earlier], radii[later])
        same_class = picks.particle[earlier] == picks.particle[later]
        same = near & (same_class | (is_right[earlier] & is_right[later]))
        agrees = same_class & (is_right[earlier] == is_right[later])
        contradicted[earlier] |= stands[earlier] & same & ~agrees
        stands[earlier] &= ~same
    return picks.select(stands), picks.select(contradicted)


def unjudged_near(
    picks: Picks, right: Picks, wrong: Picks, particles: Sequence[Particle]
) -> Picks:
    """Return the picks near answers that the answers say nothing about.

    Of the others either an answer is about the same place and class, or they lie within
    the radius of a particle that somebody confirmed, where no other particle has its
    centre, or they do not reach what an answer is about: the ball of the answer's
    radius, and of a wrong answer only its class.

    Parameters
    ----------
    picks
        Of one tomogram [Å].
    right, wrong
        As in `Answers`.
    particles
        The classes.
    """
    radius = {particle.name: particle.radius for particle in particles}
    kept = []
    for particle in particles:
        ours, reach = picks.of(particle.name), particle.radius
        is_near = np.zeros(len(ours), np.bool_)
        is_judged = np.zeros(len(ours), np.bool_)
        for answers, closest in ((right, 1.0), (wrong.of(particle.name), SAME_PLACE)):
            for position, name in zip(
                answers.position_zyx, answers.particle, strict=True
            ):
                ball = radius[str(name)]
                away = np.linalg.norm(ours.position_zyx - position, axis=1)
                is_near |= away < reach + ball
                is_judged |= away <= closest * ball
        kept.append(ours.select(is_near & ~is_judged))
    return concatenate(kept)


def answered(picks: Picks, answers: Answers, particles: Sequence[Particle]) -> Picks:
    """Return a tomogram's picks as the answers have them.

    Particles that somebody confirmed or added are there, and picks that somebody called
    wrong are not.
    """
    return with_labels(
        without_wrong(picks, answers.wrong, particles), answers.right, particles
    )


def without_wrong(picks: Picks, wrong: Picks, particles: Sequence[Particle]) -> Picks:
    """Return the picks but for those that somebody called wrong."""
    kept = np.ones(len(picks), np.bool_)
    for particle in particles:
        is_ours = picks.particle == particle.name
        for position in wrong.of(particle.name).position_zyx:
            away = np.linalg.norm(picks.position_zyx - position, axis=1)
            kept &= ~(is_ours & (away <= SAME_PLACE * particle.radius))
    return picks.select(kept)
