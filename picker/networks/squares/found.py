"""Squares that a detector has found in a patch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from picker.networks.squares.suppression import best_of_overlapping

if TYPE_CHECKING:
    from torch import Tensor

MOST_OVERLAP = 0.3
"""Highest intersection over union of two squares of a class: discs that touch have
squares that share .05 at most."""
MOST = 1000
"""Most squares of a patch that are compared, the best ones."""


class Squares(NamedTuple):
    """Squares in one patch, best first.

    Attributes
    ----------
    squares
        `(n, 3)` centre y, x and side, as fractions of the patch's edge.
    particle
        `(n,)` class numbers.
    score
        `(n,)` in [0, 1].
    """

    squares: Tensor
    particle: Tensor
    score: Tensor


def best_of_patch(squares: Tensor, score: Tensor, min_score: float) -> Squares:
    """Return the squares of at least `min_score`, of those that overlap the best.

    Parameters
    ----------
    squares
        `(n, class, 3)` for each class.
    score
        `(n, class)`.
    min_score
        Those that score lower are left out.
    """
    number, kind = (score >= min_score).nonzero(as_tuple=True)
    sure = score[number, kind]
    order = sure.argsort(descending=True, stable=True)[:MOST]
    number, kind, sure = number[order], kind[order], sure[order]
    chosen = squares[number, kind]
    kept = best_of_overlapping(chosen, sure, kind, MOST_OVERLAP)
    return Squares(chosen[kept], kind[kept], sure[kept])
