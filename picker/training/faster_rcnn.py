"""The losses of a detector of two stages, and what they are the losses of.

Source: Ren et al. 2015, Faster R-CNN, as the report on the CZII challenge (sections 4.2
to 4.5) writes the losses: cross-entropy, and smooth L1 of what stands for a particle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from picker.machine.processes import total
from picker.networks.faster_rcnn import SPREAD
from picker.networks.squares.overlap import overlap
from picker.networks.squares.places import changes_of_squares
from picker.training.square_targets import NOTHING, known_at, one_filler_more

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.networks.faster_rcnn import RegionAnswer

UNCLEAR = -2
"""Of what is neither particle nor background."""
PARTICLE, BACKGROUND = 0.5, 0.3
"""From which overlap on an anchor is a particle's, and below which it is nobody's."""
ANCHORS, REGIONS = 64, 32
"""Most anchors and regions of a patch that the losses look at."""
MOST_ANCHORS, MOST_REGIONS = 32, 8
"""Most of these that are particles, if there is enough else."""


def region_losses(
    student: nn.Module,
    patches: Tensor,
    target: Tensor,
    known: Tensor | None,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the losses of proposals and of regions, of class and of square.

    Each is a mean over the anchors or regions that are looked at, as λ = 1, of all
    processes; each process has its share of it.

    Parameters
    ----------
    student
        A `SliceFasterRCNN`.
    patches, target, known
        As for `picker.training.yolo.yolo_losses`.
    generator
        Draws which anchors and regions are looked at, on the CPU, so that they are the
        same everywhere.
    """
    target = one_filler_more(target)

    def choose(proposals: Tensor) -> Tensor:
        """Return regions to classify: known particles are among them."""
        squares = target[..., 1:].where(target[..., :1] != NOTHING, proposals[:, :1])
        regions = torch.cat([squares, proposals], dim=1)
        index = particle_of_square(regions, target, PARTICLE, known)
        chosen = drawn(index, REGIONS, MOST_REGIONS, generator)
        return regions.take_along_dim(chosen[..., None], dim=1)

    answer: RegionAnswer = student(patches, choose)
    anchors = answer.anchors.expand(len(patches), -1, -1)
    index = particle_of_square(anchors, target, BACKGROUND, known, best=True)
    chosen = drawn(index, ANCHORS, MOST_ANCHORS, generator)
    index = index.take_along_dim(chosen, dim=1)
    presence = answer.presence.float().take_along_dim(chosen, dim=1)
    wrong = functional.binary_cross_entropy_with_logits(
        presence, (index >= 0).float(), reduction="none"
    )
    losses = {
        "proposal_class_loss": _mean(wrong, index),
        "proposal_square_loss": square_loss(
            answer.anchor_changes.take_along_dim(chosen[..., None], dim=1),
            anchors.take_along_dim(chosen[..., None], dim=1),
            target,
            index,
        ),
    }
    index = particle_of_square(answer.regions, target, PARTICLE, known)
    kind = target[..., 0].take_along_dim(index.clamp(min=0), dim=1).long()
    wanted = torch.where(index >= 0, kind + 1, 0)
    # Flat, for of images a GPU adds it up in an order that varies from run to run.
    wrong = functional.cross_entropy(
        answer.logits.float().flatten(0, 1), wanted.flatten(), reduction="none"
    ).view_as(wanted)
    changes = answer.region_changes.take_along_dim(
        kind.clamp(min=0)[..., None, None], dim=2
    )
    losses["class_loss"] = _mean(wrong, index)
    losses["square_loss"] = square_loss(changes[:, :, 0], answer.regions, target, index)
    return losses


def square_loss(
    changes: Tensor, start: Tensor, target: Tensor, index: Tensor
) -> Tensor:
    """Return the smooth L1 of changes, of squares that stand for a particle.

    A side counts twice, as height and width. The mean is over all that is looked at.

    Parameters
    ----------
    changes
        `(batch, n, 3)` in units of `SPREAD`.
    start
        `(batch, n, 3)` squares that are changed.
    target
        `(batch, m, 4)` classes and squares.
    index
        `(batch, n)` which particle each stands for, or `NOTHING`, or `UNCLEAR`.
    """
    is_one = index >= 0
    squares = target[..., 1:].take_along_dim(index.clamp(min=0)[..., None], dim=1)
    spread = torch.tensor(SPREAD, device=changes.device)
    wanted = changes_of_squares(squares[is_one], start[is_one]) / spread
    wrong = functional.smooth_l1_loss(changes[is_one], wanted, reduction="none")
    total = (wrong * torch.tensor([1.0, 1.0, 2.0], device=wrong.device)).sum()
    return total / number_clear(index)


def particle_of_square(
    squares: Tensor,
    target: Tensor,
    background: float,
    known: Tensor | None,
    *,
    best: bool = False,
) -> Tensor:
    """Return `(batch, n)` which particle squares stand for, `NOTHING` or `UNCLEAR`.

    Parameters
    ----------
    squares
        `(batch, n, 3)`.
    target
        `(batch, m, 4)` classes and squares, one at least.
    background
        Overlap below which a square is nobody's.
    known
        As for `region_losses`; elsewhere nobody's squares are unclear.
    best
        Whether those that overlap a particle most stand for it, however little.
    """
    shared = overlap(squares[:, :, None], target[:, None, :, 1:])
    shared = shared.masked_fill(target[:, None, :, 0] == NOTHING, 0)
    most, index = shared.max(dim=2)
    stands = most >= PARTICLE
    if best:
        highest = shared.amax(dim=1, keepdim=True)
        is_best = (shared == highest) & (highest > 0)
        # What is best for one may overlap another more; the one needs it.
        index = torch.where(is_best.any(dim=2), is_best.int().argmax(dim=2), index)
        stands |= is_best.any(dim=2)
    index = torch.where(stands, index, torch.where(most < background, NOTHING, UNCLEAR))
    is_open = ~known_at(squares, known)
    return index.masked_fill(is_open & (index == NOTHING), UNCLEAR)


def drawn(index: Tensor, number: int, most: int, generator: torch.Generator) -> Tensor:
    """Return `(batch, number)` squares that a loss looks at, drawn at random.

    At most so many that stand for a particle, while there is enough background; what is
    unclear last.

    Parameters
    ----------
    index
        `(batch, n)` which particle each stands for, or `NOTHING`, or `UNCLEAR`.
    number
        Of those looked at; fewer if there are fewer.
    most
        Of those that stand for a particle.
    generator
        On the CPU.
    """
    luck = torch.rand(index.shape, generator=generator).to(index.device)
    is_one = index >= 0
    rank = (luck + ~is_one).argsort(dim=1).argsort(dim=1)
    # 0: some particles, 1: background, 2: more particles, 3: unclear.
    turn = torch.where(is_one, torch.where(rank < most, 0, 2), 1)
    turn = turn.masked_fill(index == UNCLEAR, 3)
    return (turn + luck).argsort(dim=1)[:, :number]


def number_clear(index: Tensor) -> Tensor:
    """Return how many squares are not unclear, in all processes together."""
    return total((index != UNCLEAR).sum()).clamp(min=1)


def _mean(wrong: Tensor, index: Tensor) -> Tensor:
    """Return the mean of what is clear."""
    return (wrong * (index != UNCLEAR)).sum() / number_clear(index)
