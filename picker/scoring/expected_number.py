"""How many particles there are, from the scores at which held-out labels are found.

With M(t) candidates of score t or more and R(t) the fraction of held-out labels that
are found at such a score, M(t) / R(t) is never fewer than the number of particles but
for chance: R(t) of the particles are among the M(t) candidates. It is nearest to their
number where few of these candidates are wrong, and least sure where few labels are
found. Of n labels R(t) is too high by more than e = sqrt(log(2 / d) / (2 n)), at any t,
with a probability of d/2 at most (Dvoretzky-Kiefer-Wolfowitz). So

    t* = argmin of M(t) / (R(t) - e),  number = M(t*) / R(t*),

and the minimum itself is the most particles there may be.

Source: Garg et al. 2021, Mixture Proportion Estimation and PU Learning: A Modern
Approach, algorithm 1 (best bin estimation). There the bound is (M(t) / m + e') / R(t)
of m candidates, which is too wide to choose a threshold by where particles are a small
part of many candidates; M(t) is counted here and not drawn, so only R(t) is unsure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOUBT = 0.1
"""d, as in the source."""


def estimated_number(
    candidate_scores: NDArray[np.floating], held_out_scores: NDArray[np.floating]
) -> float:
    """Return how many particles there are without a label that trained.

    Particles without a candidate count too, as held-out labels without one do.

    Parameters
    ----------
    candidate_scores
        `(n,)` scores of the candidates that lie at no label that trained.
    held_out_scores
        `(m,)` score of the candidate at each held-out label, -inf without one.

    Returns
    -------
    NaN if no held-out label has a candidate.
    """
    kept, found, _ = _best_bin(candidate_scores, held_out_scores)
    return kept / found if found else float("nan")


def greatest_number(
    candidate_scores: NDArray[np.floating], held_out_scores: NDArray[np.floating]
) -> float:
    """Return the most particles that there may be.

    Parameters as for `estimated_number`; inf where too few held-out labels are found.
    """
    kept, _, least = _best_bin(candidate_scores, held_out_scores)
    return kept / least if least > 0 else float("inf")


def _best_bin(
    candidate_scores: NDArray[np.floating], held_out_scores: NDArray[np.floating]
) -> tuple[int, float, float]:
    """Return M, R and R - e at the best threshold; zeros if no label is found."""
    threshold = np.unique(held_out_scores[np.isfinite(held_out_scores)])
    if not len(threshold):
        return 0, 0.0, 0.0
    number = len(held_out_scores)
    found = number_from(held_out_scores, threshold) / number
    kept = number_from(candidate_scores, threshold)
    least = found - np.sqrt(np.log(2 / DOUBT) / (2 * number))
    if (least > 0).any():
        bound = np.where(least > 0, kept / np.where(least > 0, least, 1.0), np.inf)
        best = int(np.argmin(bound))
    else:
        best = 0  # the lowest threshold, where most labels are found
    return int(kept[best]), float(found[best]), float(least[best])


def number_from(
    scores: NDArray[np.floating], threshold: NDArray[np.floating]
) -> NDArray[np.intp]:
    """Return `(k,)` how many of `(n,)` scores each of `(k,)` thresholds keeps."""
    below = np.searchsorted(np.sort(scores), threshold, side="left")
    return np.asarray(len(scores) - below, np.intp)
