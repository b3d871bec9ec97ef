"""Which pick is which known particle, one-to-one, and how many are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import no_picks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many picks were right, wrong and missing.

    Attributes
    ----------
    tp, fp, fn
        Particles found, picks that are none, particles not found. Kaggle's own
        count can have `fp` below 0, see `kaggle_counts`.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of two tomograms together."""
        return Counts(
            tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn
        )

    @property
    def precision(self) -> float:
        """Fraction of the picks that are right; 0 without any pick."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp > 0 else 0.0

    @property
    def recall(self) -> float:
        """Fraction of the particles that were found; 0 without any particle."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn > 0 else 0.0

    def f(self, beta: float = 1.0) -> float:
        """Return F-beta, (1 + b^2) P R / (b^2 P + R); 0 where it is undefined."""
        precision, recall = self.precision, self.recall
        if precision + recall <= 0:
            return 0.0
        return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def match_picks(
    position_zyx: NDArray[np.float64],
    score: NDArray[np.float32],
    truth_zyx: NDArray[np.float64],
    distance: float,
) -> NDArray[np.intp]:
    """Return for each pick of one class the known particle it is, or -1.

    Picks choose by falling score and take the nearest particle that is still
    free. So leaving out the picks below some threshold changes no match above
    it, and one matching serves every threshold. Among equal scores the nearest
    pair comes first; only where the distance is equal too does the order of the
    picks, then of the particles, decide.

    Parameters
    ----------
    position_zyx
        `(n, 3)` picks [Å].
    score
        `(n,)` their scores.
    truth_zyx
        `(m, 3)` known particles [Å].
    distance
        A pick this near or nearer can be the particle [Å].

    Returns
    -------
    `(n,)` index into `truth_zyx`, each used at most once; -1 for a wrong pick.
    """
    matched = np.full(len(position_zyx), -1, np.intp)
    if not len(position_zyx) or not len(truth_zyx):
        return matched
    pairs = cKDTree(position_zyx).sparse_distance_matrix(
        cKDTree(truth_zyx), distance, output_type="ndarray"
    )
    pick, truth = pairs["i"], pairs["j"]
    order = np.lexsort((truth, pick, pairs["v"], -score[pick].astype(np.float64)))
    free = np.ones(len(truth_zyx), np.bool_)
    for i, j in zip(pick[order].tolist(), truth[order].tolist(), strict=True):
        if free[j] and matched[i] < 0:
            matched[i] = j
            free[j] = False
    return matched


def pooled_matches(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particle: Particle,
    distance_per_radius: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Return scores, whether each pick is right, and the number of particles.

    The tomograms are those of the truth: picks elsewhere cannot be judged and
    are left out, a tomogram without picks has missed all its particles.

    The match distance is a fraction of the particle's radius. Returned are `(n,)`
    and `(n,)` over all tomograms in the order of the truth, and a count.
    """
    scores, is_true, num_truth = [np.empty(0)], [np.empty(0, np.bool_)], 0
    for tomogram, truth in truth_by_tomogram.items():
        picks = picks_by_tomogram.get(tomogram, no_picks()).of(particle.name)
        known = truth.of(particle.name).position_zyx
        matched = match_picks(
            picks.position_zyx,
            picks.score,
            known,
            distance_per_radius * particle.radius,
        )
        scores.append(picks.score.astype(np.float64))
        is_true.append(matched >= 0)
        num_truth += len(known)
    return np.concatenate(scores), np.concatenate(is_true), num_truth
