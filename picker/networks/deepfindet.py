"""A residual U-Net that segments: which particle, or none, a voxel lies in.

Source: Moebel et al. 2021, Deep learning improves macromolecule identification in 3D
cellular cryo-electron tomograms (DeepFinder), with the residual blocks, LeakyReLU and
batch normalisation of DeepFindET (copick/DeepFindET, models/res_unet.py, commit
15cef0e); a baseline of Wang et al. 2025, SemiETPicker.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from picker.networks.encoder import MaxPool, doubled
from picker.networks.network import PRIOR_LOGIT, Network

EPSILON = 1e-6
PUBLISHED_SLOPE = 0.3
"""Of LeakyReLU in Keras, below 0."""
PUBLISHED_BLOCKS = 4, 2
"""At the deepest level, and at each one of the decoder."""


class LeakyResidual(nn.Module):
    """Two 3³ convolutions with LeakyReLU, and a shortcut.

    Parameters
    ----------
    inputs, outputs
        Numbers of channels.
    slope
        Of LeakyReLU below 0.
    plain
        Whether the shortcut is the input itself where both numbers are equal.
    """

    def __init__(
        self, inputs: int, outputs: int, slope: float = 0.01, *, plain: bool = False
    ) -> None:
        super().__init__()
        self.slope = slope
        self.change = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.LeakyReLU(slope, inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.shortcut = (
            nn.Identity()
            if plain and inputs == outputs
            else nn.Conv3d(inputs, outputs, 1, bias=False)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size."""
        return functional.leaky_relu(
            self.shortcut(features) + self.change(features), self.slope
        )


class Level(nn.Sequential):
    """Blocks one after the other, as published, and dropout of single voxels."""

    def __init__(self, inputs: int, outputs: int, blocks: int, dropout: float) -> None:
        super().__init__(
            *(
                LeakyResidual(
                    outputs if i else inputs, outputs, PUBLISHED_SLOPE, plain=True
                )
                for i in range(blocks)
            ),
            nn.Dropout(dropout),
        )


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
    published
        Whether it has all blocks of its authors' network; dropout is then of single
        voxels, behind each level but the deepest.
    """

    stride = 1

    def __init__(
        self,
        num_particles: int,
        *,
        widths: tuple[int, ...],
        dropout: float = 0.0,
        published: bool = False,
    ) -> None:
        super().__init__()
        self.alignment = 2 ** (len(widths) - 1)
        deepest, upward = PUBLISHED_BLOCKS

        def level(inputs: int, outputs: int, blocks: int, dropped: float) -> nn.Module:
            if published:
                return Level(inputs, outputs, blocks, dropped)
            return LeakyResidual(inputs, outputs)

        *shallow, last = pairwise((1, *widths))
        self.encoder = nn.ModuleList(
            [
                *(level(before, width, 1, dropout) for before, width in shallow),
                level(*last, deepest, 0.0),
            ]
        )
        self.decoder = nn.ModuleList(
            level(below + beside, beside, upward, dropout)
            for beside, below in reversed(list(pairwise(widths)))
        )
        self.pool = MaxPool(2)
        self.dropout = nn.Dropout3d(0.0 if published else dropout)
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
