"""A residual U-Net that segments: which particle, or none, a voxel lies in.

Source: Moebel et al. 2021, Deep learning improves macromolecule identification in 3D
cellular cryo-electron tomograms (DeepFinder), with the residual blocks, LeakyReLU and
batch normalisation of DeepFindET; a baseline of Wang et al. 2025, SemiETPicker.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from picker.networks.encoder import MaxPool, doubled
from picker.networks.network import PRIOR_LOGIT, Network

EPSILON = 1e-6


class LeakyResidual(nn.Module):
    """Two 3³ convolutions with LeakyReLU, and a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.LeakyReLU(inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.shortcut = nn.Conv3d(inputs, outputs, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size."""
        return functional.leaky_relu(self.shortcut(features) + self.change(features))


class DeepFindET(Network):
    """Log odds of every particle class at every input voxel.

    Parameters
    ----------
    num_particles
        Number of classes C; the background is one more within.
    widths
        Channels of each level, the finest first; (48, 64, 80) as published.
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
            LeakyResidual(before, width) for before, width in pairwise((1, *widths))
        )
        self.decoder = nn.ModuleList(
            LeakyResidual(below + beside, beside)
            for beside, below in reversed(list(pairwise(widths)))
        )
        self.pool = MaxPool(2)
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(widths[0], num_particles + 1, 1)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        nn.init.constant_(self.head.bias[1:], PRIOR_LOGIT)

    def forward(self, patch: Tensor) -> Tensor:
        """Map `(batch, 1, z, y, x)` to log odds `(batch, C, z, y, x)` in float32.

        The softmax over background and classes is within: the sigmoid of the result
        is each class's probability, as for the networks without a background.
        """
        features, skips = patch, []
        for i, level in enumerate(self.encoder):
            if i:
                skips.append(features)
                # The last plane of an odd size has a coarse voxel of its own.
                features = self.pool(features)
            features = level(features)
        for step in self.decoder:
            beside = skips.pop()
            features = step(torch.cat([doubled(features, beside), beside], dim=1))
        scores = self.head(self.dropout(features)).float()
        return torch.logit(scores.softmax(dim=1)[:, 1:], eps=EPSILON)
