"""The loss of a detection transformer's answer.

Source: Zhang et al. 2023, DINO, whose weights UPicker (Zhang et al. 2024) takes over;
Lin et al. 2017, Focal loss for dense object detection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from picker.machine.processes import total
from picker.networks.squares.overlap import generalised_overlap
from picker.training.detr.denoising import noised_queries
from picker.training.detr.targets import (
    ALPHA,
    GAMMA,
    NOTHING,
    Weights,
    distance,
    matched,
    truths_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from picker.config.detr import DenoisingSettings
    from picker.networks.detr.transformer import Answer
    from picker.training.detr.targets import Target, Truth

LOSS = Weights(particle=1.0, distance=5.0, overlap=2.0)
CLIP = 0.1
"""Longest gradient, as published for DETR and its kin."""


def square_losses(
    student: nn.Module,
    patches: Tensor,
    target: Tensor,
    known: Tensor | None,
    generator: torch.Generator,
    *,
    num_particles: int,
    denoising: DenoisingSettings,
) -> dict[str, Tensor]:
    """Return the losses of class, distance and overlap, and of noised queries.

    Parameters
    ----------
    student, patches, target, known, generator
        As `SquareTask` gives them; the generator draws noise.
    num_particles
        Number of classes.
    denoising
        Queries that are made of the squares.
    """
    truths = truths_of(target)
    drawn = noised_queries(truths, num_particles, denoising, generator)
    queries, denoised = drawn or (None, None)
    return detection_losses(student(patches, queries), truths, denoised, known)


def detection_losses(
    answer: Answer,
    truths: Sequence[Truth],
    denoised: Target | None = None,
    known: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return the losses of all layers by name; their sum is minimised.

    Each layer is matched for itself; noised queries have the particle they are made of.

    Parameters
    ----------
    answer
        Of the network.
    truths
        Of each patch.
    denoised
        What the noised queries should answer; None without any.
    known
        `(batch, edge, edge)` above 0 where somebody looked for particles; None:
        everywhere. Elsewhere nothing that is found is wrong.
    """
    layers = [
        layer_losses(logits, squares, matched(logits, squares, truths, known))
        for logits, squares in zip(*answer.found, strict=True)
    ]
    names = ("class_loss", "distance_loss", "overlap_loss")
    losses = {
        name: torch.stack(values).sum()
        for name, values in zip(names, zip(*layers, strict=True), strict=True)
    }
    if answer.noised is not None:
        assert denoised is not None
        losses["denoising_loss"] = torch.stack(
            [
                torch.stack(layer_losses(logits, squares, denoised)).sum()
                for logits, squares in zip(*answer.noised, strict=True)
            ]
        ).sum()
    return losses


def layer_losses(
    logits: Tensor, squares: Tensor, target: Target
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weighted losses of class, distance and overlap, per particle.

    The particles are those of all processes; each process has its share of the losses.

    Parameters
    ----------
    logits
        `(batch, query, class)`.
    squares
        `(batch, query, 3)`.
    target
        What they should be.
    """
    is_one = target.particle != NOTHING
    number = total(is_one.sum()).clamp(min=1)
    wanted = functional.one_hot(target.particle.clamp(min=0), logits.shape[-1])
    wanted = wanted * is_one[..., None]
    of_class = focal_loss(logits.float(), wanted.float())
    of_class = (of_class * target.counts[..., None]).sum()
    pairs = squares.float()[is_one], target.squares[is_one]
    apart = distance(*pairs).sum()
    missed = (1 - generalised_overlap(*pairs)).sum()
    return (
        LOSS.particle * of_class / number,
        LOSS.distance * apart / number,
        LOSS.overlap * missed / number,
    )


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the focal loss of each logit, whose sigmoid should be `wanted`, 0 or 1."""
    error = functional.binary_cross_entropy_with_logits(
        logits, wanted, reduction="none"
    )
    wrong = (logits.sigmoid() - wanted).abs()
    share = ALPHA * wanted + (1 - ALPHA) * (1 - wanted)
    return share * wrong**GAMMA * error
