"""Squares about the pixels of a map of features, and how squares differ from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 4.0
"""Of a change of side, as a power of e; larger ones would become infinite."""


def place_squares(size: int, side: float, device: torch.device) -> Tensor:
    """Return `(size², 3)` squares about all pixels of a square map, row after row.

    Parameters
    ----------
    size
        Of the map [its pixels].
    side
        Of each square, as a fraction of the patch's edge.
    device
        Where to make them.
    """
    along = (torch.arange(size, device=device) + 0.5) / size
    y, x = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([y, x, torch.full_like(y, side)], dim=-1).flatten(0, 1)


def changes_of_squares(squares: Tensor, start: Tensor) -> Tensor:
    """Return `(…, 3)` by how much squares differ from those that they start as.

    Centres as fractions of the start's side, sides as logarithms of their ratio.

    Source: Ren et al. 2015, Faster R-CNN, equation 2, for squares.
    """
    centre = (squares[..., :2] - start[..., :2]) / start[..., 2:]
    return torch.cat([centre, (squares[..., 2:] / start[..., 2:]).log()], dim=-1)


def changed_squares(changes: Tensor, start: Tensor) -> Tensor:
    """Return `(…, 3)` squares; the inverse of `changes_of_squares`."""
    centre = start[..., :2] + changes[..., :2] * start[..., 2:]
    side = start[..., 2:] * changes[..., 2:].clamp(max=LARGEST).exp()
    return torch.cat([centre, side], dim=-1)
