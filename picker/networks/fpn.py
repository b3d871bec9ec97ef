"""A feature pyramid on the U-Net's encoder: features are added, not concatenated.

Source: Lin et al. 2017, Feature pyramid networks for object detection; a baseline of
Wang et al. 2025, SemiETPicker, table 4.
"""

from __future__ import annotations

from torch import Tensor, nn

from picker.networks.encoder import Encoder, conv, doubled
from picker.networks.network import PRIOR_LOGIT


class FeaturePyramid(Encoder):
    """Logits of every particle class at half the input's resolution.

    All levels have the channels of the finest, so that its logits cost what the
    U-Net's do.

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
        first = self.widths[0]
        self.lateral = nn.ModuleList(
            nn.Conv3d(width, first, 1) for width in self.widths
        )
        self.smooth = conv(first, first)
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(first, num_particles, 1)
        nn.init.constant_(self.head.bias, PRIOR_LOGIT)  # type: ignore[arg-type]

    def forward(self, patch: Tensor) -> Tensor:
        """Map `(batch, 1, z, y, x)` to logits `(batch, C, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)`."""
        levels = [
            lateral(features)
            for lateral, features in zip(
                self.lateral, self.features(patch), strict=True
            )
        ]
        features = levels.pop()
        while levels:
            beside = levels.pop()
            features = beside + doubled(features, beside)
        logits: Tensor = self.head(self.dropout(self.smooth(features)))
        return logits
