"""Attention that looks at a few points about a square, on every level of features.

Source: Zhu et al. 2021, Deformable DETR, section 4.1 and appendix A.2, written anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from picker.networks.squares.sampling import sampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config.detr import DetrSettings

    Size = tuple[int, int]


class DeformableAttention(nn.Module):
    """Weighted means of features at learned places about each query's square.

    Places are fractions of half of the square's side, so they grow and move with it. At
    the start each head looks into a direction of its own, point after point further, up
    to the square's edge, with equal weights.
    """

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        self.heads, self.points = settings.heads, settings.points
        self.levels, width = settings.levels, settings.width
        looks = self.heads * self.levels * self.points
        self.places = nn.Linear(width, 2 * looks)
        self.weights = nn.Linear(width, looks)
        self.values = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        for layer in (self.places, self.weights):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.weights.bias)
        with torch.no_grad():
            self.places.bias.copy_(self._first_places().flatten())

    def _first_places(self) -> Tensor:
        """Return `(head, level, point, 2)` places y, x."""
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        direction = torch.stack([angle.sin(), angle.cos()], dim=-1)
        direction /= direction.abs().amax(dim=-1, keepdim=True)
        reach = (torch.arange(self.points) + 1) / self.points
        places = direction[:, None, None] * reach[:, None]
        return places.expand(-1, self.levels, -1, -1)

    def forward(
        self, queries: Tensor, squares: Tensor, tokens: Tensor, sizes: Sequence[Size]
    ) -> Tensor:
        """Return `(batch, query, width)`.

        Parameters
        ----------
        queries
            `(batch, query, width)`.
        squares
            `(batch, query, 3)` or `(query, 3)` centre y, x and side, as fractions of
            the patch's edge.
        tokens
            `(batch, token, width)` features of all levels, row after row.
        sizes
            y, x of each level.
        """
        batch, number, width = queries.shape
        shape = (batch, number, self.heads, self.levels, self.points)
        places = self.places(queries).view(*shape, 2)
        weights = self.weights(queries).view(*shape[:3], -1).softmax(dim=-1)
        centre = squares[..., None, None, None, :2]
        half = squares[..., None, None, None, 2:] / 2
        # Each head of each patch is an image of its own.
        places = (centre + half * places).transpose(1, 2).flatten(0, 1)
        values = self.values(tokens).view(batch, -1, self.heads, width // self.heads)
        values = values.permute(0, 2, 3, 1).flatten(0, 1)
        seen = []
        for level, (y, x) in enumerate(sizes):
            start = sum(a * b for a, b in sizes[:level])
            image = values[..., start : start + y * x].unflatten(-1, (y, x))
            seen.append(sampled(image, places[:, :, level]))
        weights = weights.transpose(1, 2).flatten(0, 1)[:, None]
        result = (torch.cat(seen, dim=-1) * weights).sum(dim=-1)
        result = result.unflatten(0, (batch, self.heads)).flatten(1, 2).transpose(1, 2)
        out: Tensor = self.out(result)
        return out
