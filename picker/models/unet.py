"""The asymmetric 3D U-Net: a ResNet encoder, a decoder that stops at stride 2.

Source: Wang et al. 2025, SemiETPicker, section 2.2; ResNet-34 of He et al. 2016
with the three-convolution stem of He et al. 2019 (ResNet-C).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

PRIOR = 0.02
"""What an untrained network answers everywhere: particles are rare."""


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3³ convolutions and a shortcut; the first may halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs, stride)
        self.second = nn.Sequential(
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride=stride, bias=False),
                nn.BatchNorm3d(outputs),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size divided by the stride."""
        change = self.second(self.first(features))
        return functional.relu(self.shortcut(features) + change)


class Upward(nn.Module):
    """One decoder step: double the resolution, join the encoder's features."""

    def __init__(self, below: int, beside: int, outputs: int) -> None:
        super().__init__()
        self.merge = nn.Sequential(
            _conv(below + beside, outputs), _conv(outputs, outputs)
        )

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Return features of the size of `beside`."""
        z, y, x = beside.shape[2:]
        # Doubling and cutting, rather than resizing to fit, keeps voxel 0 in place
        # when a size is odd.
        doubled = functional.interpolate(below, scale_factor=2.0, mode="nearest")
        merged: Tensor = self.merge(
            torch.cat([doubled[..., :z, :y, :x], beside], dim=1)
        )
        return merged


class AsymmetricUNet(nn.Module):
    """Logits of every particle class at half the input's resolution.

    Parameters
    ----------
    num_particles
        Number of classes C.
    widths, blocks
        Channels and residual blocks of each encoder stage.
    stem_pool
        Halve the resolution once more before the first stage, as ResNet does.
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
        super().__init__()
        first = widths[0]
        self.stem = nn.Sequential(
            _conv(1, first, stride=2), _conv(first, first), _conv(first, first)
        )
        self.pool = nn.MaxPool3d(3, stride=2, padding=1) if stem_pool else None
        stages = []
        for i, (width, num_blocks) in enumerate(zip(widths, blocks, strict=True)):
            before = widths[i - 1] if i else first
            stride = 2 if i else 1
            stages.append(
                nn.Sequential(
                    ResidualBlock(before, width, stride),
                    *(ResidualBlock(width, width, 1) for _ in range(num_blocks - 1)),
                )
            )
        self.stages = nn.ModuleList(stages)
        # With a pool the stem itself is the finest skip; without, stage 1 is.
        skips = [first, *widths] if stem_pool else list(widths)
        self.decoder = nn.ModuleList(
            Upward(below, beside, beside)
            for beside, below in reversed(list(pairwise(skips)))
        )
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(first, num_particles, 1)
        nn.init.constant_(
            self.head.bias,  # type: ignore[arg-type]
            math.log(PRIOR / (1 - PRIOR)),
        )

    def forward(self, patch: Tensor) -> Tensor:
        """Map `(batch, 1, z, y, x)` to logits `(batch, C, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)`."""
        features = self.stem(patch)
        skips = []
        if self.pool is not None:
            skips.append(features)
            features = self.pool(features)
        for stage in self.stages:
            features = stage(features)
            skips.append(features)
        features = skips.pop()
        for step in self.decoder:
            features = step(features, skips.pop())
        logits: Tensor = self.head(self.dropout(features))
        return logits
