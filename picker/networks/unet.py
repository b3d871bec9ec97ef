"""The asymmetric 3D U-Net: a ResNet encoder, a decoder that stops at stride 2.

Source: Wang et al. 2025, SemiETPicker, section 2.2.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from picker.networks.encoder import Encoder, conv, doubled
from picker.networks.network import PRIOR_LOGIT


class Upward(nn.Module):
    """One decoder step: double the resolution, join the encoder's features."""

    def __init__(self, below: int, beside: int, outputs: int) -> None:
        super().__init__()
        self.below = below
        self.merge = nn.Sequential(
            conv(below + beside, outputs), conv(outputs, outputs)
        )

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Return features of the size of `beside`."""
        merged: Tensor = self.merge(torch.cat([doubled(below, beside), beside], dim=1))
        return merged


class AsymmetricUNet(Encoder):
    """Logits of every particle class at half the input's resolution.

    Parameters
    ----------
    num_particles
        Number of classes C.
    widths, blocks, stem_pool
        Of the encoder.
    dropout
        Probability of dropping a channel before the head.
    """

    def __init__(
        self,
        num_particles: int,
        *,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        stem_pool: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(widths=widths, blocks=blocks, stem_pool=stem_pool)
        self.decoder = nn.ModuleList(
            Upward(below, beside, beside)
            for beside, below in reversed(list(pairwise(self.widths)))
        )
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(self.widths[0], num_particles, 1)
        nn.init.constant_(self.head.bias, PRIOR_LOGIT)  # type: ignore[arg-type]

    def forward(self, patch: Tensor) -> Tensor:
        """Map `(batch, 1, z, y, x)` to logits `(batch, C, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)`."""
        skips = self.features(patch)
        features = skips.pop()
        for step in self.decoder:
            features = step(features, skips.pop())
        logits: Tensor = self.head(self.dropout(features))
        return logits
