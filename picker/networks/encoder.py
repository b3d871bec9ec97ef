"""The 3D ResNet encoder that the asymmetric U-Net and the FPN share.

Source: ResNet-34 of He et al. 2016 with the three-convolution stem of He et al. 2019
(ResNet-C); Wang et al. 2025, SemiETPicker, section 2.2.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from picker.networks.network import Network
from picker.networks.slabs import PLANES


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3³ convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


def doubled(below: Tensor, beside: Tensor) -> Tensor:
    """Return features at twice the resolution, cut to the size of `beside`.

    Doubling and cutting, rather than resizing to fit, keeps voxel 0 in place when a
    size is odd.
    """
    z, y, x = beside.shape[2:]
    larger = functional.interpolate(below, scale_factor=2.0, mode="nearest")
    return larger[..., :z, :y, :x]


class MaxPool(nn.Module):
    """The highest of 2³ or 3³ voxels, in steps of two.

    Three lie about an even voxel, two begin with one. On a GPU PyTorch's own adds up
    gradients in an order that varies from run to run; there, while training, maxima are
    taken axis by axis instead.
    """

    def __init__(self, edge: Literal[2, 3]) -> None:
        super().__init__()
        self.edge = edge

    def forward(self, features: Tensor) -> Tensor:
        """Return `(batch, channel, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)` features."""
        if features.is_cuda and features.requires_grad:
            for axis in (2, 3, 4):
                features = self.along(features, axis)
            return features
        if features.requires_grad or features.is_cuda:
            return self._pooled(features)
        # Slab by slab, for PyTorch also writes where each maximum is, in 64 bits; and
        # not by autocast, which makes float32 of them: the maxima are the same.
        parts = []
        with torch.autocast("cpu", enabled=False):
            for first in range(0, -(-features.shape[2] // 2), PLANES):
                start = max(0, first - 1)  # does not see what lies before it
                part = features[:, :, 2 * start : 2 * (first + PLANES)]
                parts.append(self._pooled(part)[:, :, first - start :])
        return torch.cat(parts, dim=2)

    def _pooled(self, features: Tensor) -> Tensor:
        three = self.edge == 3
        return functional.max_pool3d(
            features, self.edge, stride=2, padding=int(three), ceil_mode=not three
        )

    def along(self, features: Tensor, axis: int) -> Tensor:
        """Return the maxima along one axis."""
        everything = [slice(None)] * 5
        even, odd = (
            features[(*everything[:axis], slice(first, None, 2))] for first in (0, 1)
        )
        number = even.shape[axis]
        further = [0, 0] * (4 - axis)
        after = [*further, 0, number - odd.shape[axis]]
        highest = torch.maximum(even, functional.pad(odd, after, value=-torch.inf))
        if self.edge == 2:
            return highest
        before = functional.pad(
            odd.narrow(axis, 0, number - 1), [*further, 1, 0], value=-torch.inf
        )
        return torch.maximum(highest, before)


class ResidualBlock(nn.Module):
    """Two 3³ convolutions and a shortcut; the first may halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = conv(inputs, outputs, stride)
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
        # In place: at full size each copy is a fifth of a window's memory.
        change = self.second(self.first(features))
        change += self.shortcut(features)
        return functional.relu(change, inplace=True)


class Encoder(Network):
    """The stem and the stages; subclasses turn their features into logits.

    Parameters
    ----------
    widths, blocks
        Channels and residual blocks of each stage.
    stem_pool
        Halve the resolution once more before the first stage, as ResNet does.
    """

    stride = 2

    def __init__(
        self, *, widths: tuple[int, ...], blocks: tuple[int, ...], stem_pool: bool
    ) -> None:
        super().__init__()
        first = widths[0]
        self.alignment = 2 ** (len(widths) + stem_pool)
        self.stem = nn.Sequential(
            conv(1, first, stride=2), conv(first, first), conv(first, first)
        )
        self.pool = MaxPool(3) if stem_pool else None
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
        # With a pool the stem itself has the finest features; without, stage 1 has.
        self.widths = [first, *widths] if stem_pool else list(widths)

    def features(self, patch: Tensor) -> list[Tensor]:
        """Return `(batch, widths[i], z, y, x)` features, those at stride 2 first."""
        features = self.stem(patch)
        found = []
        if self.pool is not None:
            found.append(features)
            features = self.pool(features)
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found
