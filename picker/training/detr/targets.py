"""Which query stands for which particle, and so what it should answer.

Source: Carion et al. 2020, DETR, section 3.1 (one-to-one matching); weights as in
UPicker (Zhang et al. 2024), whose are those of Zhu et al. 2021, Deformable DETR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch.nn import functional

from picker.networks.squares.overlap import generalised_overlap
from picker.training.square_targets import known_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ALPHA, GAMMA = 0.25, 2.0
"""Of the focal loss: weight of particles against background, and how much less what is
known already counts."""
NOTHING = -1
"""The class of a query that stands for no particle."""


class Truth(NamedTuple):
    """Known particles of one patch.

    Attributes
    ----------
    particle
        `(n,)` class numbers.
    squares
        `(n, 3)` centre y, x and side, as fractions of the patch's edge.
    """

    particle: Tensor
    squares: Tensor


def truths_of(target: Tensor) -> list[Truth]:
    """Return the known particles of each patch, see `SliceDataset`."""
    truths = []
    for patch in target:
        known = patch[patch[:, 0] != NOTHING]
        truths.append(Truth(known[:, 0].long(), known[:, 1:]))
    return truths


class Target(NamedTuple):
    """What queries should answer.

    Attributes
    ----------
    particle
        `(batch, query)` class numbers, or `NOTHING`.
    squares
        `(batch, query, 3)`, which hold where there is a particle.
    counts
        `(batch, query)` whether a query counts; others only fill the batch.
    """

    particle: Tensor
    squares: Tensor
    counts: Tensor


class Weights(NamedTuple):
    """How much class, distance and overlap count."""

    particle: float
    distance: float
    overlap: float


COST = Weights(particle=2.0, distance=5.0, overlap=2.0)
"""Of matching."""


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Return the sum of differences of centre, height and width; they are broadcast.

    As of boxes with two sides, so a square's side counts twice.
    """
    weights = torch.tensor([1.0, 1.0, 2.0], device=one.device)
    return ((one - other).abs() * weights).sum(dim=-1)


def matched(
    logits: Tensor,
    squares: Tensor,
    truths: Sequence[Truth],
    known: Tensor | None = None,
) -> Target:
    """Return what queries should answer: each particle is the best query's for all.

    Particles beyond the number of queries are nobody's.

    Parameters
    ----------
    logits
        `(batch, query, class)`.
    squares
        `(batch, query, 3)`.
    truths
        Of each patch.
    known
        `(batch, edge, edge)` above 0 where somebody looked for particles; None:
        everywhere. Of other queries those count that stand for a particle.
    """
    particle = torch.full(logits.shape[:2], NOTHING, device=logits.device)
    wanted = torch.zeros_like(squares)
    for i, truth in enumerate(truths):
        cost = matching_cost(logits[i].detach(), squares[i].detach(), truth)
        query, one = map(torch.from_numpy, linear_sum_assignment(cost.cpu().numpy()))
        particle[i, query] = truth.particle[one]
        wanted[i, query] = truth.squares[one]
    counts = torch.ones_like(particle, dtype=torch.bool)
    if known is not None:
        counts = (particle != NOTHING) | known_at(squares, known)
    return Target(particle, wanted, counts)


def matching_cost(logits: Tensor, squares: Tensor, truth: Truth) -> Tensor:
    """Return `(query, n)` what it costs that a query stands for a particle.

    Of its class: how much the focal loss would fall by it.
    """
    logits = logits.float()
    probability = logits.sigmoid()
    yes = ALPHA * (1 - probability) ** GAMMA * -functional.logsigmoid(logits)
    no = (1 - ALPHA) * probability**GAMMA * -functional.logsigmoid(-logits)
    pairs = squares.float()[:, None], truth.squares[None]
    return (
        COST.particle * (yes - no)[:, truth.particle]
        + COST.distance * distance(*pairs)
        - COST.overlap * generalised_overlap(*pairs)
    )
