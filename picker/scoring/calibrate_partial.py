"""Thresholds of scores, chosen where only a part of the particles has labels.

What has no label may be a particle, so precision is not known. Recall is, from labels
that were held out of training; with the number of particles it tells F-beta.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from picker.refining.select import picks_apart
from picker.scoring.calibrate import FALLBACK, middle_of_best
from picker.scoring.expected_number import (
    estimated_number,
    greatest_number,
    number_from,
)
from picker.scoring.found_labels import found_labels, pooled
from picker.scoring.match import kept_by_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from picker.config import CalibrateSettings, Particle
    from picker.core.picks import Picks
    from picker.scoring.found_labels import FoundLabels, PartialLabels

Rule = Literal["f1", "labels", "number", "none"]
NumberIs = Literal["expected", "lowered", "estimated", "unknown"]

NEW_TO_TRAINED = 0.7
"""About what a particle that did not train scores, as a part of the score of those that
did. With 0.6 and 0.8 F1 on phantoms differs by .02 at most where the number is right,
and by .05 where half of it is given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialThreshold:
    """One class's threshold and what it is based on.

    Attributes
    ----------
    threshold
        Lowest score of a pick.
    rule
        f1: of the highest F-beta. number: gives as many picks as there are particles.
        labels: midway between that and what new particles score, by those that trained.
        none: none of it could be told, it is the fallback.
    number
        Particles that did not train, held-out labels among them; None: unknown.
    number_is
        expected: given. lowered: more are given than the held-out labels allow.
        estimated: from the held-out labels.
    recall, f
        Fraction of the held-out labels that are found at that threshold, and F-beta;
        None where they cannot be told.
    num_held_out
        Labels that recall is the fraction of.
    """

    threshold: float
    rule: Rule
    number: float | None
    number_is: NumberIs
    recall: float | None
    f: float | None
    num_held_out: int


def calibrate_partial(
    candidates: Mapping[str, Picks],
    labels: Mapping[str, PartialLabels],
    particles: tuple[Particle, ...],
    settings: CalibrateSettings,
    min_distance_per_radius: float = 1.0,
) -> dict[str, PartialThreshold]:
    """Return each class's threshold over all tomograms.

    Candidates at labels that trained are left out: they score higher than new ones.

    Parameters
    ----------
    candidates, labels
        Tomogram: all peaks, and what is known of it [Å]. Both have the same tomograms.
    particles
        Classes to choose a threshold for.
    settings
        The rule, beta and match distance.
    min_distance_per_radius
        Least distance between picks of a class, as picking uses it.
    """
    chosen = {}
    for particle in particles:
        distance = min_distance_per_radius * particle.radius
        found = {
            name: found_labels(
                picks_apart(picks.of(particle.name), distance),
                labels[name],
                particle,
                settings.distance_per_radius,
            )
            for name, picks in candidates.items()
        }
        hidden = {name: labels[name].num_hidden(particle.name) for name in found}
        chosen[particle.name] = _chosen(found, hidden, settings)
    return chosen


def _chosen(
    found: Mapping[str, FoundLabels],
    hidden: Mapping[str, float | None],
    settings: CalibrateSettings,
) -> PartialThreshold:
    """Return one class's threshold by the rule of the settings, or the next best."""
    everywhere = pooled(found.values())
    held_out = everywhere.held_out
    trained = everywhere.trained[np.isfinite(everywhere.trained)]
    scores, number, number_is = _counted(found, hidden, held_out)
    rule: Rule = "none"
    threshold = FALLBACK
    if number is not None and len(scores):
        rule = "number"
        if number and settings.partial == "f1" and np.isfinite(held_out).any():
            rule = "f1"
            greatest = greatest_number(scores, held_out)
            if number_is == "expected" and greatest < number:
                number, number_is = greatest, "lowered"
        threshold = (
            threshold_of_f(scores, held_out, number, settings.beta)
            if rule == "f1"
            else threshold_of_number(scores, number)
        )
        if rule == "number" and settings.partial == "f1" and len(trained):
            rule = "labels"
            threshold = (threshold + NEW_TO_TRAINED * float(np.median(trained))) / 2
    recall = float(np.mean(held_out >= threshold)) if len(held_out) else None
    f = None
    if number and recall is not None:
        kept = number_from(scores, np.array([threshold]))
        f = float(f_from_recall(np.array([recall]), kept, number, settings.beta)[0])
    return PartialThreshold(
        threshold=threshold,
        rule=rule,
        number=number,
        number_is=number_is,
        recall=recall,
        f=f,
        num_held_out=len(held_out),
    )


def _counted(
    found: Mapping[str, FoundLabels],
    hidden: Mapping[str, float | None],
    held_out: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float | None, NumberIs]:
    """Return scores of candidates, the number of particles, and how one knows it.

    They are of all tomograms if the number can be told there, else of those for which
    it is given. Recall, by which the number is estimated elsewhere, is that of all.
    """
    given = {name: number for name, number in hidden.items() if number is not None}
    total = float(sum(given.values()))
    everywhere = pooled(found.values()).elsewhere
    if len(given) == len(found):
        return everywhere, total, "expected"
    others = pooled(found[name] for name in found if name not in given).elsewhere
    estimated = estimated_number(others, held_out)
    if np.isfinite(estimated):
        return everywhere, total + estimated, "estimated"
    if given:
        return pooled(found[name] for name in given).elsewhere, total, "expected"
    return everywhere, None, "unknown"


def threshold_of_f(
    scores: NDArray[np.floating],
    held_out: NDArray[np.floating],
    number: float,
    beta: float = 1.0,
) -> float:
    """Return the threshold of the highest F-beta, as `f_from_recall` has it.

    Parameters
    ----------
    scores, held_out
        `(n,)` of candidates, and `(m,)` at held-out labels, as `FoundLabels` has them.
    number, beta
        As for `f_from_recall`.
    """
    upper, kept, _ = kept_by_score(scores, np.ones(len(scores), np.bool_))
    recall = number_from(held_out, upper) / len(held_out)
    return middle_of_best(upper, f_from_recall(recall, kept, number, beta))


def f_from_recall(
    recall: NDArray[np.floating],
    num_picks: NDArray[np.integer],
    number: float,
    beta: float = 1.0,
) -> NDArray[np.float64]:
    """Return F-beta from recall, and no more right picks than there are picks.

    Of N particles R N are found among M picks, so that precision is R N / M and

        F = (1 + b^2) R N / (M + b^2 N), which is 2 R N / (M + N) for b = 1.

    Parameters
    ----------
    recall, num_picks
        `(n,)` R and M at each threshold.
    number
        N.
    beta
        b: recall counts as b times as important as precision.
    """
    right = np.minimum(recall * number, num_picks)
    f: NDArray[np.float64] = (1 + beta**2) * right / (num_picks + beta**2 * number)
    return f


def threshold_of_number(scores: NDArray[np.floating], number: float) -> float:
    """Return the threshold that keeps most nearly so many of `(n,)` scores.

    It lies in the middle between the lowest that is kept and the highest that is not.
    Equal scores are kept or dropped together.
    """
    upper, kept, _ = kept_by_score(scores, np.ones(len(scores), np.bool_))
    if upper[0] < 1.0:  # none is kept
        upper, kept = np.append(1.0, upper), np.append(0, kept)
    return middle_of_best(upper, -np.abs(kept - number))
