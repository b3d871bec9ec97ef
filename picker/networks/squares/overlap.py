"""How far two squares overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Return IoU: intersection over union.

    Parameters
    ----------
    one, other
        `(…, 3)` centre y, x and side; they are broadcast.

    Returns
    -------
    `(…)` in 0 to 1; 1 where they are the same.
    """
    common, union, _ = _areas(one, other)
    return common / union


def generalised_overlap(one: Tensor, other: Tensor) -> Tensor:
    """Return GIoU: intersection over union, less the gap between squares that miss.

    The gap is the part that neither covers of the smallest rectangle about both.

    Parameters
    ----------
    one, other
        `(…, 3)` centre y, x and side; they are broadcast.

    Returns
    -------
    `(…)` in −1 to 1; 1 where they are the same.

    Source: Rezatofighi et al. 2019, Generalized intersection over union.
    """
    common, union, around = _areas(one, other)
    return common / union - (around - union) / around


def _areas(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `(…)` intersection, union, and the smallest rectangle about both."""
    low, high = _corners(one)
    other_low, other_high = _corners(other)
    inner = torch.minimum(high, other_high) - torch.maximum(low, other_low)
    outer = torch.maximum(high, other_high) - torch.minimum(low, other_low)
    common = inner.clamp(min=0).prod(dim=-1)
    union = one[..., 2] ** 2 + other[..., 2] ** 2 - common
    return common, union, outer.prod(dim=-1)


def _corners(squares: Tensor) -> tuple[Tensor, Tensor]:
    """Return `(…, 2)` the lowest and the highest corner y, x."""
    centre, half = squares[..., :2], squares[..., 2:] / 2
    return centre - half, centre + half
