"""A small 2D ResNet.

Source: ResNet of He et al. 2016, with the convolutional stem of He et al. 2019. Groups
of channels are normalised (Wu & He 2018), for batches are small and nothing is frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from picker.config.backbone import GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence


def normalised_conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1
) -> nn.Sequential:
    """Return a convolution of `kernel`² with normalised groups of channels."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.GroupNorm(GROUPS, outputs),
    )


class ResidualBlock(nn.Module):
    """Two 3² convolutions and a shortcut; the first may halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = normalised_conv(inputs, outputs, 3, stride)
        self.second = normalised_conv(outputs, outputs, 3)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = normalised_conv(inputs, outputs, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size divided by the stride."""
        change = self.second(functional.relu(self.first(features)))
        return functional.relu(change + self.shortcut(features))


class Backbone(nn.Module):
    """Features of every stage, whose strides are 4, 8, 16, … pixels.

    Parameters
    ----------
    channels
        Of a patch.
    widths
        Channels of each stage, the finest first; multiples of `GROUPS`.
    blocks
        Number of residual blocks in each stage.
    """

    def __init__(self, channels: int, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            normalised_conv(channels, widths[0], 3, stride=2),
            nn.ReLU(),
            normalised_conv(widths[0], widths[0], 3),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                ResidualBlock(before, width, 2),
                *(ResidualBlock(width, width, 1) for _ in range(blocks - 1)),
            )
            for before, width in zip((widths[0], *widths), widths, strict=False)
        )

    def forward(self, patch: Tensor) -> list[Tensor]:
        """Return `(batch, width, y, x)` features of each stage, the finest first.

        Parameters
        ----------
        patch
            `(batch, channel, y, x)`.
        """
        features, found = self.stem(patch), []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found
