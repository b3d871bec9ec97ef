"""Thresholds of scores, chosen on tomograms whose particles are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.refining.select import picks_apart
from picker.scoring.match import kept_by_score, pooled_matches
from picker.scoring.reliability import Reliability, reliability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from picker.config import CalibrateSettings, Particle
    from picker.core.picks import Picks

FALLBACK = 0.5
"""Threshold of a class without any known particle or without any candidate."""
LEAST_F = 0.005
"""A class below it gets no picks. Its few right ones can be so by chance, and the
threshold of the highest F-beta may let thousands of wrong ones in to reach them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """One class's threshold and what it is based on.

    Attributes
    ----------
    threshold
        Lowest score of a pick; 1 where the class is not learned, see `LEAST_F`.
    f
        Highest F-beta on the tomograms that it is chosen on.
    num_truth
        Known particles in those tomograms.
    reliability
        Which fraction of candidates of a score is right there.
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
    """Return each class's threshold of highest F-beta over all tomograms.

    It lies in the middle between the lowest score that is kept and the highest that
    is not, so that one particle more or less moves it little. On the tomograms that
    trained the model it comes out a little high, since their particles score higher
    than new ones.

    Parameters
    ----------
    candidates, truth
        Tomogram: all peaks, and known particles [Å]. Both have the same tomograms.
    particles
        Classes to choose a threshold for.
    settings
        Beta and match distance.
    min_distance_per_radius
        Least distance between picks of a class, as picking uses it.
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
        is_learned = f >= LEAST_F or not num_truth
        chosen[particle.name] = Threshold(
            threshold=threshold if is_learned else 1.0,
            f=f,
            num_truth=num_truth,
            reliability=reliability(score, is_true, num_truth),
        )
    return chosen


def best_threshold(
    scores: NDArray[np.floating],
    is_true: NDArray[np.bool_],
    num_truth: int,
    beta: float,
) -> tuple[float, float]:
    """Return the threshold whose F-beta is highest, and that F-beta.

    All thresholds between two neighbouring scores keep the same picks; the
    middle of that plateau is returned. Below the lowest score the plateau ends
    at 0. Of several plateaus of equal F-beta the widest is taken, which allows for
    the largest shift of scores in new tomograms; of equally wide ones that with the
    highest scores.

    Parameters
    ----------
    scores, is_true, num_truth
        As `pooled_matches` gives them; scores in [0, 1].
    beta
        Recall counts as beta times as important as precision.

    Returns
    -------
    Threshold (a pick is kept if its score is not below it) and F-beta; 1 and 0
    where no pick is right, for then each pick that is kept makes it worse.
    """
    upper, kept, tp = kept_by_score(scores, is_true)
    if not num_truth or not tp.any():
        return 1.0, 0.0
    f = (1 + beta**2) * tp / (kept + beta**2 * num_truth)
    return middle_of_best(upper, f), float(f.max())


def middle_of_best(upper: NDArray[np.float64], f: NDArray[np.float64]) -> float:
    """Return the middle of the widest plateau of the highest value.

    Parameters
    ----------
    upper
        `(n,)` distinct scores, falling, as `kept_by_score` gives them.
    f
        `(n,)` value of keeping the picks of at least that score.
    """
    lower = np.append(upper[1:], min(0.0, float(upper[-1])))
    best = np.isclose(f, f.max(), rtol=1e-12, atol=0.0)
    # Cuts of equal value that follow each other are one plateau.
    edge = np.diff(best.astype(np.int8), prepend=0, append=0)
    top, bottom = upper[edge[:-1] == 1], lower[edge[1:] == -1]
    widest = int(np.argmax(top - bottom))
    threshold = float((top[widest] + bottom[widest]) / 2)
    # Scores are float32: rounding must not let the next lower pick in.
    if np.float32(threshold) <= np.float32(bottom[widest]):
        threshold = float(top[widest])
    return threshold
