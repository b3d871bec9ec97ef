"""Features of squares, sampled on a regular grid inside of each.

Source: He et al. 2017, Mask R-CNN, section 3 (RoIAlign).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.networks.squares.sampling import sampled

if TYPE_CHECKING:
    from torch import Tensor

POINTS = 2
"""Points along each axis of a bin, whose features are averaged."""


def aligned(features: Tensor, squares: Tensor, bins: int) -> Tensor:
    """Return `(batch, square, channel, bins, bins)` features, y before x.

    Parameters
    ----------
    features
        `(batch, channel, y, x)` of the whole patch; beyond it there are zeros.
    squares
        `(batch, square, 3)` as fractions of the patch's edge.
    bins
        Number along each axis.
    """
    number = bins * POINTS
    along = (torch.arange(number, device=squares.device) + 0.5) / number - 0.5
    grid = torch.stack(torch.meshgrid(along, along, indexing="ij"), dim=-1)
    squares = squares[..., None, :].float()
    places = squares[..., :2] + squares[..., 2:] * grid.flatten(0, 1)
    seen = sampled(features.float(), places)
    batch, channels = features.shape[:2]
    shape = (batch, channels, -1, bins, POINTS, bins, POINTS)
    return seen.view(shape).mean(dim=(4, 6)).transpose(1, 2)
