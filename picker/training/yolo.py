"""The losses of a detector of one stage, and which places stand for which particle.

Source: Zhou et al. 2019, Objects as points (a Gaussian about each centre on the map of
its class); Wang et al. 2025, SemiETPicker (the squared error with particles and
background weighted apart, class by class); Ge et al. 2021, YOLOX (the overlap's loss at
the places about a centre). YOLOX searches for the cheapest places (SimOTA); a disc has
its particle in the middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.machine.processes import total
from picker.networks.squares.overlap import generalised_overlap
from picker.networks.yolo import CELLS
from picker.training.losses import reweighted_mse
from picker.training.square_targets import NOTHING, known_at, one_filler_more

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.networks.yolo import YoloAnswer

NEAR = 1.5
"""How far from a centre places stand for a particle, along y and x [pixels of the map]:
9 places where no other particle is nearer."""
SIGMA = 0.3
"""Width (σ) of the Gaussian about a centre, as a fraction of the disc's radius."""
LEAST_SIGMA = 0.5
"""Of small discs [pixels of the map], so that the place that is nearest has .37 at
least, wherever between places the centre lies."""
BACKGROUND = 10.0
"""Weight of the places between particles, against 1 of those about centres."""


def yolo_losses(
    student: nn.Module,
    patches: Tensor,
    target: Tensor,
    known: Tensor | None,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the losses of presence, a mean over classes, and of a particle's square.

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
    wanted = target.take_along_dim(index.clamp(min=0)[..., None], dim=1)[is_one]
    missed = 1 - generalised_overlap(answer.squares[is_one], wanted[:, 1:])
    heat = heat_of_places(answer.places, target, answer.logits.shape[-1])
    # What is known to be there counts anywhere.
    counts = known_at(answer.places.expand(len(target), -1, -1), known) | is_one
    return {
        "presence_loss": reweighted_mse(
            _as_volume(answer.logits.float().sigmoid()),
            _as_volume(heat),
            BACKGROUND,
            known=_as_volume(counts[..., None].float()),
        ),
        "square_loss": missed.sum() / total(is_one.sum()).clamp(min=1),
    }


def particle_of_place(places: Tensor, target: Tensor) -> Tensor:
    """Return `(place,)` which particle each place stands for, or `NOTHING`.

    Of two particles the nearer one has the place.

    Parameters
    ----------
    places
        `(place, 3)` squares that places begin with.
    target
        `(n, 4)` classes and squares of one patch, one at least.
    """
    away = (places[:, None, :2] - target[:, 1:3]).abs().amax(dim=-1)
    is_near = away <= NEAR * places[:, 2:] / CELLS
    stands = is_near & (target[:, 0] != NOTHING)
    nearest = away.masked_fill(~stands, torch.inf).min(dim=1)
    return nearest.indices.masked_fill(nearest.values.isinf(), NOTHING)


def heat_of_places(places: Tensor, target: Tensor, num_particles: int) -> Tensor:
    """Return `(batch, place, class)` the largest Gaussian about a centre, 1 there.

    Parameters
    ----------
    places
        `(place, 3)` squares that places begin with.
    target
        `(batch, n, 4)` classes and squares, one at least.
    num_particles
        Number of classes.
    """
    least = LEAST_SIGMA * places[0, 2] / CELLS
    sigma = torch.maximum(SIGMA * target[:, None, :, 3] / 2, least)
    away = places[None, :, None, :2] - target[:, None, :, 1:3]
    height = torch.exp(-0.5 * (away / sigma[..., None]).square().sum(dim=-1))
    kinds = torch.arange(num_particles, device=target.device)
    of_class = target[..., :1] == kinds
    return (height[..., None] * of_class[:, None]).amax(dim=2)


def _as_volume(of_places: Tensor) -> Tensor:
    """Return `(batch, class, 1, 1, place)` of `(batch, place, class)`."""
    return of_places.transpose(1, 2)[:, :, None, None]
