"""Scores to thresholds, from tomograms whose particles are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.refining.select import picks_apart
from picker.scoring.evaluate import best_threshold
from picker.scoring.match import pooled_matches
from picker.scoring.reliability import Reliability, reliability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from picker.config import CalibrateSettings, Particle
    from picker.core.picks import Picks

FALLBACK = 0.5
"""Threshold of a class without a single known particle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """One class's threshold and what it rests on.

    Attributes
    ----------
    threshold
        Lowest score of a pick.
    f
        F-beta there, on the tomograms that it was chosen on.
    num_truth
        Known particles that it was chosen on.
    reliability
        What a score is worth on those tomograms.
    """

    threshold: float
    f: float
    num_truth: int
    reliability: Reliability


def calibrate(
    candidates: Mapping[str, Picks],
    truth: Mapping[str, Picks],
    particles: tuple[Particle, ...],
    settings: CalibrateSettings,
    min_distance_per_radius: float = 1.0,
) -> dict[str, Threshold]:
    """Return each class's threshold of highest F-beta over all given tomograms.

    Between the lowest score that is kept and the highest that is not it takes the
    middle, so that one particle more or less moves it little. On the tomograms
    that trained the model this is a little high, since their particles score better
    than new ones.

    Parameters
    ----------
    candidates, truth
        Tomogram: all peaks, and known particles [Å]. The same tomograms in both.
    particles
        Classes to choose a threshold for.
    settings
        Beta and match radius.
    min_distance_per_radius
        As picking will use it.
    """
    chosen = {}
    for particle in particles:
        apart = {
            name: picks_apart(
                picks.of(particle.name), min_distance_per_radius * particle.radius
            )
            for name, picks in candidates.items()
        }
        score, is_true, num_truth = pooled_matches(
            apart, truth, particle, settings.distance_per_radius
        )
        threshold, f = (
            best_threshold(score, is_true, num_truth, settings.beta)
            if num_truth and len(score)
            else (FALLBACK, 0.0)
        )
        chosen[particle.name] = Threshold(
            threshold=threshold,
            f=f,
            num_truth=num_truth,
            reliability=reliability(score, is_true, num_truth),
        )
    return chosen
