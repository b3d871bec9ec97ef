"""Scores of different methods made comparable: the chance that a candidate is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import concatenate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from picker.core.picks import Picks
    from picker.scoring.reliability import Reliability

OWN = 0.01
"""Part of a comparable score that is the score itself: a measured curve has steps, and
on each of them the order of one method's candidates is to stay."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """What one method's scores of a class are worth.

    Attributes
    ----------
    reliability
        Which fraction of candidates of a score is right; None where it is not known.
    threshold
        Lowest score of a pick.
    """

    reliability: Reliability | None
    threshold: float

    def comparable(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return `(n,)` scores in [0, 1] that compare with those of other methods.

        They rise with the method's own. Where no precision is known the threshold
        becomes 0.5, and 0 and 1 stay: that compares methods at their thresholds alone.
        """
        own = np.asarray(score, np.float64)
        if self.reliability is None or not self.reliability.score:
            ends = (0.0, min(max(self.threshold, 1e-6), 1 - 1e-6), 1.0)
            return np.interp(own, ends, (0.0, 0.5, 1.0))
        return (1 - OWN) * self.reliability.chance(own) + OWN * own


def comparable_picks(picks: Picks, scales: Mapping[str, Scale]) -> Picks:
    """Return candidates with comparable scores, those of each class best first.

    In this order candidates whose scores float32 cannot tell apart keep theirs.

    Parameters
    ----------
    picks
        Candidates of one method.
    scales
        Class: what its scores are worth; candidates of other classes are dropped.
    """
    parts = []
    for name, scale in scales.items():
        ours = picks.of(name)
        ours = ours.select(np.argsort(-ours.score, kind="stable"))
        score = scale.comparable(ours.score).astype(np.float32)
        parts.append(replace(ours, score=score))
    return concatenate(parts)
