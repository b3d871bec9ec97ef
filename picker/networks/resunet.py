"""A residual U-Net of a few levels, predicting at the input's resolution.

Source: Uddin et al. 2025, TomoPicker, section 3.3, in the form of its authors' code:
three convolutions a block, two of them with a ReLU before the block's input is added,
and transposed convolutions of 4³ in steps of two upwards. The paper calls it a
MultiRes-UNet; neither its text nor the code has that network's several paths a block.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from picker.networks.encoder import MaxPool, conv
from picker.networks.network import PRIOR_LOGIT, Network


class TripleBlock(nn.Module):
    """Three 3³ convolutions and a shortcut, which changes the number of channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            conv(inputs, outputs),
            conv(outputs, outputs),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.shortcut = nn.Conv3d(inputs, outputs, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size."""
        return functional.relu(self.change(features) + self.shortcut(features))


class ResidualUNet(Network):
    """Logits of every particle class at every input voxel.

    Parameters
    ----------
    num_particles
        Number of classes C.
    widths
        Channels of each level, the finest first; (32, 64, 128, 256) as published.
    dropout
        Probability of dropping a channel before the head.
    """

    stride = 1

    def __init__(
        self, num_particles: int, *, widths: tuple[int, ...], dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.alignment = 2 ** (len(widths) - 1)
        self.encoder = nn.ModuleList(
            TripleBlock(before, width) for before, width in pairwise((1, *widths))
        )
        rising = list(pairwise(reversed(widths)))
        self.upward = nn.ModuleList(
            nn.ConvTranspose3d(below, beside, 4, stride=2, padding=1)
            for below, beside in rising
        )
        self.decoder = nn.ModuleList(
            TripleBlock(2 * beside, beside) for _, beside in rising
        )
        self.pool = MaxPool(2)
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(widths[0], num_particles, 1)
        nn.init.constant_(self.head.bias, PRIOR_LOGIT)  # type: ignore[arg-type]

    def forward(self, patch: Tensor) -> Tensor:
        """Map `(batch, 1, z, y, x)` to logits `(batch, C, z, y, x)`."""
        features, skips = patch, []
        for i, level in enumerate(self.encoder):
            if i:
                skips.append(features)
                # The last plane of an odd size has a coarse voxel of its own.
                features = self.pool(features)
            features = level(features)
        for larger, step in zip(self.upward, self.decoder, strict=True):
            beside = skips.pop()
            z, y, x = beside.shape[2:]
            raised = larger(features)[..., :z, :y, :x]
            features = step(torch.cat([raised, beside], dim=1))
        logits: Tensor = self.head(self.dropout(features))
        return logits
