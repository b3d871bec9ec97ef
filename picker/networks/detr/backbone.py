"""The last stages of the backbone as a pyramid of features for the transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from picker.networks.squares.backbone import Backbone, normalised_conv

if TYPE_CHECKING:
    from picker.config.detr import DetrSettings


class Pyramid(nn.Module):
    """The backbone, and a convolution that gives each level the transformer's width."""

    def __init__(self, settings: DetrSettings) -> None:
        super().__init__()
        widths = settings.widths
        self.backbone = Backbone(settings.channels, widths, settings.blocks)
        self.levels = nn.ModuleList(
            normalised_conv(width, settings.width, 1)
            for width in widths[-settings.levels :]
        )

    def forward(self, patch: Tensor) -> list[Tensor]:
        """Return `(batch, width, y, x)` features, the finest first.

        Parameters
        ----------
        patch
            `(batch, channel, y, x)`.
        """
        last = self.backbone(patch)[-len(self.levels) :]
        return [level(part) for level, part in zip(self.levels, last, strict=True)]
