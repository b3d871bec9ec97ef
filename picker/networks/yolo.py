"""A detector of one stage: every place of a map may be a particle's, without anchors.

Source: Ge et al. 2021, YOLOX (no anchors; branches of their own for class and for
square, with an objectness), on a backbone and a pyramid that are small; written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from picker.networks.network import PRIOR_LOGIT, Network
from picker.networks.squares.backbone import Backbone
from picker.networks.squares.found import best_of_patch
from picker.networks.squares.head import branch, listed, of_places
from picker.networks.squares.places import changed_squares, place_squares
from picker.networks.squares.pyramid import FeaturePyramid2D

if TYPE_CHECKING:
    from picker.config.slices import SlicesSettings
    from picker.networks.squares.found import Squares

CELLS = 4.0
"""Side of the square that a place begins with [pixels of its level]."""
LAYERS = 2
"""Convolutions of each branch."""


class YoloAnswer(NamedTuple):
    """What the network answers; places are those of all levels, the finest first.

    Attributes
    ----------
    presence
        `(batch, place)` logits: whether a particle is there, of whatever class.
    logits
        `(batch, place, class)` of a particle that is there.
    squares
        `(batch, place, 3)` centre y, x and side, as fractions of the patch's edge.
    places
        `(place, 3)` squares that places begin with: their sides tell the level.
    """

    presence: Tensor
    logits: Tensor
    squares: Tensor
    places: Tensor


class SliceYolo(Network):
    """Squares about the discs of each class; all levels share the head's weights."""

    def __init__(self, settings: SlicesSettings, num_particles: int) -> None:
        super().__init__()
        self.settings = settings
        self.alignment = settings.alignment
        self.edge = settings.edge
        width = settings.width
        self.backbone = Backbone(settings.channels, settings.widths, settings.blocks)
        self.pyramid = FeaturePyramid2D(settings.widths, width)
        self.of_class, self.of_square = (branch(width, LAYERS) for _ in range(2))
        self.scored = of_places(width, num_particles)
        self.presence = of_places(width, 1, PRIOR_LOGIT)
        self.change = of_places(width, 3)

    def forward(self, patch: Tensor) -> YoloAnswer:
        """Return squares for a `(batch, channel, edge, edge)` patch."""
        answers = [
            self._of_level(level)
            for level in self.pyramid(self.backbone(patch))[: self.settings.levels]
        ]
        presence, logits, squares, places = zip(*answers, strict=True)
        return YoloAnswer(
            torch.cat(presence, dim=1),
            torch.cat(logits, dim=1),
            torch.cat(squares, dim=1),
            torch.cat(places),
        )

    def _of_level(self, features: Tensor) -> YoloAnswer:
        """Return what places of one level answer."""
        kind, square = self.of_class(features), self.of_square(features)
        size = features.shape[-1]
        places = place_squares(size, CELLS / size, features.device)
        return YoloAnswer(
            presence=listed(self.presence(square))[..., 0],
            logits=listed(self.scored(kind)),
            squares=changed_squares(listed(self.change(square)).float(), places),
            places=places,
        )

    def found(self, patch: Tensor, min_score: float) -> list[Squares]:
        """Return the squares of each patch, of those that overlap the best.

        A score is how sure the network is that there is a particle, times how sure it
        is of its class.
        """
        answer = self(patch)
        sure = answer.presence.float().sigmoid()[..., None]
        score = sure * answer.logits.float().sigmoid()
        squares = answer.squares[:, :, None].expand(*score.shape, -1)
        return [
            best_of_patch(one, of, min_score)
            for one, of in zip(squares, score, strict=True)
        ]
