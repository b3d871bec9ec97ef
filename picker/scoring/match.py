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
    """How many picks are right and wrong, and how many particles are missed.

    Attributes
    ----------
    tp, fp, fn
        Particles found, picks that are no particle, particles not found. Kaggle's own
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
    def num_picks(self) -> int:
        """Number of picks, right or wrong."""
        return self.tp + self.fp

    @property
    def num_truth(self) -> int:
        """Number of known particles, found or not."""
        return self.tp + self.fn

    @property
    def precision(self) -> float:
        """Fraction of the picks that are right; 0 without any pick."""
        return self.tp / self.num_picks if self.num_picks > 0 else 0.0

    @property
    def recall(self) -> float:
        """Fraction of the particles that are found; 0 without any particle."""
        return self.tp / self.num_truth if self.num_truth > 0 else 0.0

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
        Largest distance of a pick from its particle, inclusive [Å].

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
    are left out, and a tomogram without picks misses all its particles.

    Parameters
    ----------
    picks_by_tomogram, truth_by_tomogram
        Picks and known particles of all classes.
    particle
        The class that is matched.
    distance_per_radius
        Match distance as a fraction of the particle's radius.

    Returns
    -------
    `(n,)` scores and `(n,)` whether each pick is right, over all tomograms in the
    order of the truth, and the number of known particles.
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


def pooled_counts(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particle: Particle,
    distance_per_radius: float,
) -> Counts:
    """Return the counts of one class; parameters as for `pooled_matches`."""
    _, is_true, num_truth = pooled_matches(
        picks_by_tomogram, truth_by_tomogram, particle, distance_per_radius
    )
    tp = int(is_true.sum())
    return Counts(tp=tp, fp=len(is_true) - tp, fn=num_truth - tp)


def kept_by_score(
    scores: NDArray[np.floating], is_true: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return how many picks, and right ones, each threshold keeps.

    Parameters
    ----------
    scores, is_true
        `(n,)` as `pooled_matches` gives them.

    Returns
    -------
    `(m,)` the distinct scores, falling: equal ones are kept or dropped together;
    `(m,)` the picks with at least that score; `(m,)` the right ones among them.
    """
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    ordered = scores[order].astype(np.float64)
    last = np.flatnonzero(np.diff(ordered, append=-np.inf))
    tp = np.cumsum(is_true[order], dtype=np.intp)
    return ordered[last], last + 1, tp[last]
