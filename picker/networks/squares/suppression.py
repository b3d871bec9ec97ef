"""Of squares that overlap the best one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.networks.squares.overlap import overlap

if TYPE_CHECKING:
    from torch import Tensor


def best_of_overlapping(
    squares: Tensor, score: Tensor, particle: Tensor, most: float
) -> Tensor:
    """Return the indices of squares that overlap no better one of their class.

    One after the other as the score falls, a square is kept if it overlaps no kept one
    of its class by more than `most`. All squares are asked at once, again and again
    until nothing changes: after k rounds at least the first k have their final answer,
    so this is exact, and in practice ends after a few.

    Parameters
    ----------
    squares
        `(n, 3)` centre y, x and side. Memory grows as n².
    score
        `(n,)`; of equal ones the first comes first.
    particle
        `(n,)` class numbers.
    most
        Highest intersection over union that two kept ones may have.

    Returns
    -------
    `(kept,)`, best first.
    """
    order = score.argsort(descending=True, stable=True)
    ordered, kind = squares[order].float(), particle[order]
    near = overlap(ordered[:, None], ordered[None]) > most
    # Whether the first, which is better, would suppress the second.
    near = (near & (kind[:, None] == kind)).triu(diagonal=1)
    kept = torch.ones_like(kind, dtype=torch.bool)
    while True:
        now = ~(near & kept[:, None]).any(dim=0)
        if torch.equal(now, kept):
            return order[kept]
        kept = now
