"""The transformer's layers, and how a place becomes features.

Source: Zhu et al. 2021, Deformable DETR (layers); Liu et al. 2022, DAB-DETR (queries
are boxes, whose positions are added to the content).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from picker.networks.detr.attention import DeformableAttention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config.detr import DetrSettings

LONGEST, SHORTEST = 2.0, 1 / 32
"""Waves that places are written in, as fractions of the patch's edge."""
EPSILON = 1e-4
"""Squares are kept by so much away from 0 and 1, where their logits are infinite."""


def waves(values: Tensor, channels: int) -> Tensor:
    """Return `(…, n·channels)` sines and cosines of `(…, n)` fractions of the edge."""
    length = LONGEST * (SHORTEST / LONGEST) ** torch.linspace(
        0, 1, channels // 2, device=values.device
    )
    phase = values[..., None] * (2 * math.pi / length)
    return torch.cat([phase.sin(), phase.cos()], dim=-1).flatten(-2)


def logit(squares: Tensor) -> Tensor:
    """Return what the sigmoid makes squares of, finite for any square."""
    return squares.logit(eps=EPSILON)


def perceptron(*widths: int) -> nn.Sequential:
    """Return linear layers with a ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class FeedForward(nn.Module):
    """Two linear layers, added to their input and normalised."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        self.change = perceptron(settings.width, settings.feedforward, settings.width)
        self.norm = nn.LayerNorm(settings.width)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        result: Tensor = self.norm(features + self.change(features))
        return result


class EncoderLayer(nn.Module):
    """Features look at other features."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        self.attention = DeformableAttention(settings)
        self.norm = nn.LayerNorm(settings.width)
        self.feedforward = FeedForward(settings)

    def forward(
        self,
        tokens: Tensor,
        position: Tensor,
        squares: Tensor,
        sizes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """Return tokens.

        Parameters
        ----------
        tokens, squares, sizes
            As for `DeformableAttention`.
        position
            `(token, width)`, added to those that ask.
        """
        seen = self.attention(tokens + position, squares, tokens, sizes)
        result: Tensor = self.feedforward(self.norm(tokens + seen))
        return result


class DecoderLayer(nn.Module):
    """Queries look at each other, then at the features about their squares."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        width, self.heads = settings.width, settings.heads
        self.asked = nn.Linear(width, 2 * width)
        self.told = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.attention = DeformableAttention(settings)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward = FeedForward(settings)

    def forward(
        self,
        queries: Tensor,
        position: Tensor,
        squares: Tensor,
        tokens: Tensor,
        sizes: Sequence[tuple[int, int]],
        visible: Tensor | None,
    ) -> Tensor:
        """Return queries.

        Parameters
        ----------
        queries, squares, tokens, sizes
            As for `DeformableAttention`.
        position
            `(batch, query, width)`, added to the queries wherever they ask.
        visible
            `(query, query)`, whether a query sees another; None: all do.
        """
        seen = self._each_other(queries, queries + position, visible)
        queries = self.norm(queries + seen)
        seen = self.attention(queries + position, squares, tokens, sizes)
        result: Tensor = self.feedforward(self.attention_norm(queries + seen))
        return result

    def _each_other(
        self, queries: Tensor, asking: Tensor, visible: Tensor | None
    ) -> Tensor:
        split = (self.heads, -1)
        ask, answer = self.asked(asking).chunk(2, dim=-1)
        ask, answer, told = (
            part.unflatten(-1, split).transpose(1, 2)
            for part in (ask, answer, self.told(queries))
        )
        seen = functional.scaled_dot_product_attention(ask, answer, told, visible)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out
