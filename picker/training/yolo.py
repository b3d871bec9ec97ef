"""The losses of a detector of one stage, and which places stand for which particle.

Source: Ge et al. 2021, YOLOX (losses and their weights); Tian et al. 2019, FCOS
(places about a centre, each size on a level of its own), which is simpler than YOLOX's
search for the cheapest places (SimOTA), and discs have their particle at the centre.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from picker.machine.processes import total
from picker.networks.squares.overlap import generalised_overlap, overlap
from picker.networks.yolo import CELLS
from picker.training.slices import NOTHING, known_at, one_filler_more

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.networks.yolo import YoloAnswer

NEAR = 1.5
"""How far from a centre places stand for a particle, along y and x [pixels of their
level]: 9 places where no other particle is nearer."""
SQUARE = 5.0
"""Weight of the loss of squares."""


def yolo_losses(
    student: nn.Module,
    patches: Tensor,
    target: Tensor,
    known: Tensor | None,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the losses of presence, class and square, each per particle's place.

    The places are those of all processes; each process has its share of the losses.

    Parameters
    ----------
    student
        A `SliceYolo`.
    patches
        `(batch, channel, edge, edge)`.
    target
        `(batch, n, 4)` as `SliceDataset` gives.
    known
        `(batch, edge, edge)` above 0 where somebody looked for particles; None:
        everywhere. Elsewhere nothing that is found is wrong.
    generator
        Not used: nothing is drawn.
    """
    del generator
    target = one_filler_more(target)
    answer: YoloAnswer = student(patches)
    index = torch.stack([particle_of_place(answer.places, one) for one in target])
    is_one = index != NOTHING
    number = total(is_one.sum()).clamp(min=1)
    counts = is_one | known_at(answer.places.expand(len(target), -1, -1), known)
    wrong = functional.binary_cross_entropy_with_logits(
        answer.presence.float(), is_one.float(), reduction="none"
    )
    wanted = target.take_along_dim(index.clamp(min=0)[..., None], dim=1)[is_one]
    squares = answer.squares[is_one]
    logits = answer.logits[is_one].float()
    # A class is as sure as the square is right, so that of many the best one is kept.
    right = overlap(squares.detach(), wanted[:, 1:])[:, None]
    of_class = functional.binary_cross_entropy_with_logits(
        logits,
        functional.one_hot(wanted[:, 0].long(), logits.shape[-1]) * right,
        reduction="sum",
    )
    missed = (1 - generalised_overlap(squares, wanted[:, 1:])).sum()
    return {
        "presence_loss": (wrong * counts).sum() / number,
        "class_loss": of_class / number,
        "square_loss": SQUARE * missed / number,
    }


def particle_of_place(places: Tensor, target: Tensor) -> Tensor:
    """Return `(place,)` which particle each place stands for, or `NOTHING`.

    A particle has places about its centre, on the level whose squares begin with about
    its size; of two particles the nearer one has the place.

    Parameters
    ----------
    places
        `(place, 3)` squares that places begin with.
    target
        `(n, 4)` classes and squares of one patch, one at least.
    """
    squares = target[:, 1:]
    levels = places[:, 2].unique()
    # What only fills the batch has no size.
    sizes = squares[:, 2].clamp(min=torch.finfo(squares.dtype).tiny).log()
    own = levels[(sizes[:, None] - levels.log()).abs().argmin(dim=1)]
    away = (places[:, None, :2] - squares[:, :2]).abs().amax(dim=-1)
    is_near = away <= NEAR * places[:, 2:] / CELLS
    stands = is_near & (places[:, 2:] == own) & (target[:, 0] != NOTHING)
    nearest = away.masked_fill(~stands, torch.inf).min(dim=1)
    return nearest.indices.masked_fill(nearest.values.isinf(), NOTHING)
