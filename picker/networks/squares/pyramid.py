"""A pyramid of features: coarse ones, which see far, are added to fine ones.

Source: Lin et al. 2017, Feature pyramid networks for object detection, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from picker.networks.squares.backbone import normalised_conv

if TYPE_CHECKING:
    from collections.abc import Sequence


class FeaturePyramid2D(nn.Module):
    """Features of one width for each stage of a backbone.

    Parameters
    ----------
    widths
        Channels of each stage.
    width
        Channels of the result.
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(one, width, 1) for one in widths)
        self.smooth = nn.ModuleList(normalised_conv(width, width, 3) for _ in widths)

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        """Return `(batch, width, y, x)` features, the finest first.

        Parameters
        ----------
        stages
            `(batch, channel, y, x)`, the finest first, each half of the one before.
        """
        inner = [
            lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True)
        ]
        for i in range(len(inner) - 1, 0, -1):
            doubled = functional.interpolate(inner[i], scale_factor=2.0)
            inner[i - 1] = inner[i - 1] + doubled
        return [
            functional.relu(smooth(part))
            for smooth, part in zip(self.smooth, inner, strict=True)
        ]
