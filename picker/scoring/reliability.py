"""What a score is worth: how many candidates of that score are right.

Learned on tomograms that are known but trained nothing, it says how good the picks are
where nobody has looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """One class's reliability curve.

    Attributes
    ----------
    score, right
        `(n,)` rising scores, and the fraction of candidates of each that is right;
        in between it is a straight line.
    found
        Fraction of the known particles that have a candidate at all.
    """

    score: tuple[float, ...]
    right: tuple[float, ...]
    found: float

    def chance(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the chance of being right of candidates with these scores."""
        if not self.score:
            return np.zeros(len(score))
        chance: NDArray[np.float64] = np.interp(score, self.score, self.right)
        return chance


def reliability(
    score: NDArray[np.floating], is_right: NDArray[np.bool_], num_truth: int
) -> Reliability:
    """Return the rising curve that fits best: the isotonic regression.

    Takes what `matching.pooled_matches` gives for all candidates of one class.

    Source: Zadrozny & Elkan 2002, Transforming classifier scores into accurate
    multiclass probability estimates.
    """
    order = np.argsort(score, kind="stable")
    rising = score[order].astype(np.float64)
    if not len(rising):
        return Reliability(score=(), right=(), found=0.0)
    # Equal scores are one candidate of that weight: they are right by the same chance.
    at, start, weight = np.unique(rising, return_index=True, return_counts=True)
    right = np.add.reduceat(is_right[order].astype(np.float64), start) / weight
    level = isotonic_regression(right, weights=weight.astype(np.float64)).x
    # Of each step its two ends are enough.
    end = np.diff(level, prepend=-1.0, append=2.0) != 0
    corner = end[:-1] | end[1:]
    return Reliability(
        score=tuple(at[corner].round(6).tolist()),
        right=tuple(level[corner].round(6).tolist()),
        found=float(is_right.sum() / num_truth) if num_truth else 0.0,
    )


def expected(
    known: Reliability, candidates: NDArray[np.floating], picks: NDArray[np.floating]
) -> tuple[float, float]:
    """Return how many of one class's picks should be right, and of how many particles.

    Parameters
    ----------
    known
        Its reliability.
    candidates, picks
        `(n,)` scores of all candidates, apart from each other, and of those picked.
    """
    right = float(known.chance(picks).sum())
    everything = float(known.chance(candidates).sum())
    return right, everything / known.found if known.found else 0.0


def held_out(thresholds: Mapping[str, Mapping[str, Any]]) -> dict[str, Reliability]:
    """Return what the calibration's JSON says of each class, from validation tomograms.

    Particles that were trained on score too high to tell what a score is worth
    elsewhere: calibrated on labeled tomograms there is none. Nor is there of a class
    without a known particle, of which nobody can say that it is not found.
    """
    curves = {
        name: value["reliability"]
        for name, value in thresholds.items()
        if value["source"] == "validation" and value["num_truth"] > 0
    }
    return {
        name: Reliability(
            score=tuple(curve["score"]),
            right=tuple(curve["right"]),
            found=curve["found"],
        )
        for name, curve in curves.items()
    }
