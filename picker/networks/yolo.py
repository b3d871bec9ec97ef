"""A detector of one stage: every place of a map may be a particle's, without anchors.

Source: Ge et al. 2021, YOLOX (no anchors; branches of their own for class and for
square); Zhou et al. 2019, Objects as points (one map of a fine stride, on which each
class has its own presence), on a backbone and a pyramid that are small; written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from picker.networks.network import PRIOR_LOGIT, Network
from picker.networks.squares.backbone import Backbone
from picker.networks.squares.found import best_of_patch
from picker.networks.squares.head import branch, listed, of_places
from picker.networks.squares.places import changed_squares, place_squares
from picker.networks.squares.pyramid import FeaturePyramid2D

if TYPE_CHECKING:
    from torch import Tensor

    from picker.config.slices import SlicesSettings
    from picker.networks.squares.found import Squares

CELLS = 4.0
"""Side of the square that a place begins with [pixels of the map]."""
LAYERS = 2
"""Convolutions of each branch."""


class YoloAnswer(NamedTuple):
    """What the network answers; places are the pixels of its map, row after row.

    Attributes
    ----------
    logits
        `(batch, place, class)`: whether a particle of a class has its centre there.
    squares
        `(batch, place, 3)` centre y, x and side, as fractions of the patch's edge.
    places
        `(place, 3)` squares that places begin with.
    """

    logits: Tensor
    squares: Tensor
    places: Tensor


class SliceYolo(Network):
    """Squares about the discs of each class, found on a map of stride 4."""

    def __init__(self, settings: SlicesSettings, num_particles: int) -> None:
        super().__init__()
        self.settings = settings
        self.alignment = settings.alignment
        self.edge = settings.edge
        width = settings.width
        self.backbone = Backbone(settings.channels, settings.widths, settings.blocks)
        self.pyramid = FeaturePyramid2D(settings.widths, width)
        self.of_class, self.of_square = (branch(width, LAYERS) for _ in range(2))
        self.scored = of_places(width, num_particles, PRIOR_LOGIT)
        self.change = of_places(width, 3)

    def forward(self, patch: Tensor) -> YoloAnswer:
        """Return squares for a `(batch, channel, edge, edge)` patch."""
        features = self.pyramid(self.backbone(patch))
        size = features.shape[-1]
        places = place_squares(size, CELLS / size, features.device)
        changes = listed(self.change(self.of_square(features))).float()
        return YoloAnswer(
            logits=listed(self.scored(self.of_class(features))),
            squares=changed_squares(changes, places),
            places=places,
        )

    def found(self, patch: Tensor, min_score: float) -> list[Squares]:
        """Return the squares of each patch, of those that overlap the best.

        A place's classes share its square; a score is how sure its class is.
        """
        answer = self(patch)
        score = answer.logits.float().sigmoid()
        squares = answer.squares[:, :, None].expand(*score.shape, -1)
        return [
            best_of_patch(one, of, min_score)
            for one, of in zip(squares, score, strict=True)
        ]
