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
    """Features of the finest stage of a backbone that see as far as the coarsest.

    The paper reads every level. Here one is read, and no weight is without a use, for
    which several processes would wait.

    Parameters
    ----------
    widths
        Channels of each stage, the finest first.
    width
        Channels of the result.
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(one, width, 1) for one in widths)
        self.smooth = normalised_conv(width, width, 3)

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Return `(batch, width, y, x)` features as fine as the first stage's.

        Parameters
        ----------
        stages
            `(batch, channel, y, x)`, the finest first, each half of the one before.
        """
        inner = [
            lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True)
        ]
        found = inner[-1]
        for finer in reversed(inner[:-1]):
            found = finer + functional.interpolate(found, scale_factor=2.0)
        return functional.relu(self.smooth(found))
