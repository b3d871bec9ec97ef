"""Precision and recall at every threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.scoring.match import kept_by_score, pooled_matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Precision and recall of one class at each score that occurs.

    Attributes
    ----------
    threshold
        `(n,)` falling; picks with at least this score are kept.
    precision, recall
        `(n,)` at that threshold; recall never falls from one to the next.
    average_precision
        Area under the curve, the sum of precision times the rise of recall.
    num_truth
        Known particles.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float
    num_truth: int


def precision_recall_curve(
    scores: NDArray[np.floating], is_true: NDArray[np.bool_], num_truth: int
) -> Curve:
    """Return precision and recall at each score that occurs, from the highest down.

    Parameters
    ----------
    scores, is_true
        `(n,)` as `pooled_matches` gives them. Equal scores make one point, for they
        are kept or dropped together.
    num_truth
        Known particles.
    """
    threshold, kept, tp = kept_by_score(scores, is_true)
    precision = tp / np.maximum(kept, 1)
    recall = tp / num_truth if num_truth else np.zeros(len(tp))
    return Curve(
        threshold=threshold,
        precision=precision,
        recall=recall,
        average_precision=float(np.sum(np.diff(recall, prepend=0.0) * precision)),
        num_truth=num_truth,
    )


def curves(
    candidates_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    distance_per_radius: float,
) -> dict[str, Curve]:
    """Return the precision-recall curve of each class over all candidates.

    A class without known particles has no curve.

    Parameters
    ----------
    candidates_by_tomogram
        Picks before any threshold, but with the least distance between picks applied.
    truth_by_tomogram
        Known particles; the tomograms are those of the truth.
    particles
        The classes.
    distance_per_radius
        Match distance as a fraction of each particle's radius.
    """
    by_particle = {}
    for particle in particles:
        score, is_true, num_truth = pooled_matches(
            candidates_by_tomogram, truth_by_tomogram, particle, distance_per_radius
        )
        if num_truth:
            by_particle[particle.name] = precision_recall_curve(
                score, is_true, num_truth
            )
    return by_particle


def curve_rows(
    by_particle: Mapping[str, Curve], max_points: int = 500
) -> list[dict[str, str | float]]:
    """Return curves as rows: particle, threshold, precision, recall.

    At most `max_points` of each curve are kept, evenly spaced and with both ends: a
    table of every candidate would be as large as the candidates.
    """
    rows: list[dict[str, str | float]] = []
    for name, curve in by_particle.items():
        num = len(curve.threshold)
        which = np.unique(np.linspace(0, num - 1, min(num, max_points)).round())
        rows += [
            {
                "particle": name,
                "threshold": float(curve.threshold[i]),
                "precision": float(curve.precision[i]),
                "recall": float(curve.recall[i]),
            }
            for i in which.astype(np.intp)
        ]
    return rows
