"""Reliability of scores: which fraction of the candidates of a score is right.

Measured on tomograms with known particles that no model was trained on, it tells how
good picks are in tomograms without known particles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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
        linear in between.
    found
        Fraction of the known particles that have a candidate of any score.
    """

    score: tuple[float, ...]
    right: tuple[float, ...]
    found: float

    def chance(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability that candidates with `(n,)` scores are right."""
        if not self.score:
            return np.zeros(len(score))
        chance: NDArray[np.float64] = np.interp(score, self.score, self.right)
        return chance


def reliability(
    score: NDArray[np.floating], is_right: NDArray[np.bool_], num_truth: int
) -> Reliability:
    """Return the rising curve that fits best: the isotonic regression.

    Source: Zadrozny & Elkan 2002, Transforming classifier scores into accurate
    multiclass probability estimates.

    Parameters
    ----------
    score, is_right, num_truth
        As `match.pooled_matches` gives them for all candidates of one class.
    """
    # What only reads a curve need not load it.
    from scipy.optimize import isotonic_regression

    order = np.argsort(score, kind="stable")
    rising = score[order].astype(np.float64)
    if not len(rising):
        return Reliability(score=(), right=(), found=0.0)
    # Equal scores are one candidate of that weight: they are equally likely right.
    distinct, start, weight = np.unique(rising, return_index=True, return_counts=True)
    right = np.add.reduceat(is_right[order].astype(np.float64), start) / weight
    level = isotonic_regression(right, weights=weight.astype(np.float64)).x
    # The two ends of each step are enough.
    end = np.diff(level, prepend=-1.0, append=2.0) != 0
    corner = end[:-1] | end[1:]
    return Reliability(
        score=tuple(distinct[corner].round(6).tolist()),
        right=tuple(level[corner].round(6).tolist()),
        found=float(is_right.sum() / num_truth) if num_truth else 0.0,
    )


def expected(
    known: Reliability, candidates: NDArray[np.floating], picks: NDArray[np.floating]
) -> tuple[float, float]:
    """Return how many picks of one class should be right, and how many particles exist.

    Parameters
    ----------
    known
        The class's reliability.
    candidates, picks
        `(n,)` scores of all candidates, none too close to another, and `(m,)` of those
        that are picked.
    """
    right = float(known.chance(picks).sum())
    findable = float(known.chance(candidates).sum())
    return right, findable / known.found if known.found else 0.0


def held_out(thresholds: Mapping[str, Mapping[str, Any]]) -> dict[str, Reliability]:
    """Return each class's reliability where validation tomograms measured it.

    Particles that a model was trained on score too high to tell how reliable scores are
    elsewhere, so classes calibrated on labeled tomograms are left out. So are classes
    without a known particle, for nothing was measured.

    Parameters
    ----------
    thresholds
        Class: what the calibration's JSON says of it.
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
