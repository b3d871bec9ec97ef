"""A detector of two stages: squares that may be particles, then which class they are.

Source: Ren et al. 2015, Faster R-CNN, as the report on the CZII challenge (section 4)
has it: one map of features, anchors of several sizes at each place, RoIAlign, a softmax
over classes and background, a square for each class; on a small backbone, written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from picker.networks.network import Network
from picker.networks.squares.align import aligned
from picker.networks.squares.backbone import Backbone
from picker.networks.squares.found import best_of_patch
from picker.networks.squares.head import branch, listed, of_places
from picker.networks.squares.places import changed_squares, place_squares
from picker.networks.squares.pyramid import FeaturePyramid2D
from picker.networks.squares.suppression import best_of_overlapping

if TYPE_CHECKING:
    from collections.abc import Callable

    from picker.config.slices import SlicesSettings
    from picker.networks.squares.found import Squares

    Choose = Callable[[Tensor], Tensor]

BINS = 7
"""Along each axis of a proposal."""
COMPARED = 4
"""Times as many proposals are compared as are wanted."""
MOST_OVERLAP = 0.7
"""Highest intersection over union of two proposals while there are others."""
SPREAD = (0.1, 0.1, 0.2)
"""Usual changes of centre and side: networks answer in these units."""


class RegionAnswer(NamedTuple):
    """What the network answers.

    Attributes
    ----------
    anchors
        `(anchor, 3)` centre y, x and side, as fractions of the patch's edge.
    presence
        `(batch, anchor)` logits: whether a particle is there, of whatever class.
    anchor_changes
        `(batch, anchor, 3)` of their squares, in units of `SPREAD`.
    regions
        `(batch, region, 3)` squares that were classified.
    logits
        `(batch, region, 1 + class)`, of background first.
    region_changes
        `(batch, region, class, 3)` of their squares for each class, as above.
    """

    anchors: Tensor
    presence: Tensor
    anchor_changes: Tensor
    regions: Tensor
    logits: Tensor
    region_changes: Tensor


class SliceFasterRCNN(Network):
    """Squares about the discs of each class."""

    def __init__(self, settings: SlicesSettings, num_particles: int) -> None:
        super().__init__()
        self.settings = settings
        self.alignment = settings.alignment
        self.edge = settings.edge
        kinds = len(settings.anchors)
        width, hidden = settings.width, 4 * settings.width
        self.backbone = Backbone(settings.channels, settings.widths, settings.blocks)
        self.pyramid = FeaturePyramid2D(settings.widths, width)
        self.looks = branch(width, 1)
        self.presence = of_places(width, kinds)
        self.change = of_places(width, 3 * kinds)
        self.describe = nn.Sequential(
            nn.Linear(width * BINS**2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.scored = nn.Linear(hidden, 1 + num_particles)
        nn.init.normal_(self.scored.weight, std=0.01)
        nn.init.zeros_(self.scored.bias)
        self.head = SquareOfClasses(hidden, num_particles)

    def forward(self, patch: Tensor, choose: Choose | None = None) -> RegionAnswer:
        """Return squares for a `(batch, channel, edge, edge)` patch.

        Parameters
        ----------
        patch
            Slices.
        choose
            Makes of `(batch, proposal, 3)` squares those to classify; None: all.
        """
        features = self.pyramid(self.backbone(patch))
        seen = self.looks(features)
        # As many numbers a place as there are anchors, which are neighbours then.
        presence = listed(self.presence(seen)).flatten(1)
        change = listed(self.change(seen)).float()
        change = change.unflatten(-1, (-1, 3)).flatten(1, 2)
        anchors = self._anchors(features)
        with torch.no_grad():
            squares = changed_squares(scaled(change), anchors)
            regions = best_proposals(presence, squares, self.settings.proposals)
        if choose is not None:
            regions = choose(regions)
        description = self.describe(aligned(features, regions, BINS).flatten(2))
        return RegionAnswer(
            anchors=anchors,
            presence=presence,
            anchor_changes=change,
            regions=regions,
            logits=self.scored(description),
            region_changes=self.head(description).float(),
        )

    def _anchors(self, features: Tensor) -> Tensor:
        """Return `(place · size, 3)` squares."""
        of_sizes = [
            place_squares(
                features.shape[-1], side / self.settings.edge, features.device
            )
            for side in self.settings.anchors
        ]
        return torch.stack(of_sizes, dim=1).flatten(0, 1)

    def found(self, patch: Tensor, min_score: float) -> list[Squares]:
        """Return the squares of each patch, of those that overlap the best."""
        answer = self(patch)
        score = answer.logits.float().softmax(dim=-1)[..., 1:]
        squares = changed_squares(
            scaled(answer.region_changes), answer.regions[:, :, None]
        )
        return [
            best_of_patch(one, of, min_score)
            for one, of in zip(squares, score, strict=True)
        ]


class SquareOfClasses(nn.Module):
    """How a region's square changes for each class, whose weights lie apart."""

    def __init__(self, width: int, num_particles: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_particles, 3, width) * 0.01)
        self.bias = nn.Parameter(torch.zeros(num_particles, 3))

    def forward(self, description: Tensor) -> Tensor:
        """Return `(batch, region, class, 3)` of `(batch, region, width)`."""
        return torch.einsum("brw,ckw->brck", description, self.weight) + self.bias


def best_proposals(presence: Tensor, squares: Tensor, number: int) -> Tensor:
    """Return `(batch, number, 3)` squares, the best of those that overlap first.

    If there are too few of these the others fill them up, best first.

    Parameters
    ----------
    presence
        `(batch, anchor)` logits.
    squares
        `(batch, anchor, 3)`.
    number
        Of those wanted; fewer if there are fewer anchors.
    """
    compared = min(COMPARED * number, presence.shape[1])
    score, best = presence.float().topk(compared, dim=1)
    squares = squares.take_along_dim(best[..., None], dim=1)
    same = torch.zeros_like(best[0])
    chosen = []
    for one, of in zip(squares, score, strict=True):
        is_left = torch.ones_like(same)
        is_left[best_of_overlapping(one, of, same, MOST_OVERLAP)] = 0
        chosen.append(one[is_left.argsort(stable=True)[:number]])
    return torch.stack(chosen)


def scaled(changes: Tensor) -> Tensor:
    """Return changes of squares in their own units, of those in units of `SPREAD`."""
    return changes * torch.tensor(SPREAD, device=changes.device)
