"""Known particles with noise: queries that the network learns to correct or refuse.

They need no matching, so they teach from the first step; and those to be refused, which
lie near a particle too, teach that one query is enough for it.

Source: Zhang et al. 2023, DINO, section 3.3 (contrastive denoising), as UPicker (Zhang
et al. 2024) has it in both of its stages; written anew, for squares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.networks.detr.transformer import NoisedQueries
from picker.training.detr.targets import NOTHING, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from picker.config.detr import DenoisingSettings
    from picker.training.detr.targets import Truth

LEAST_SIDE = 1e-3
"""Of a noised square, as a fraction of the patch's edge."""


def noised_queries(
    truths: Sequence[Truth],
    num_particles: int,
    settings: DenoisingSettings,
    generator: torch.Generator,
) -> tuple[NoisedQueries, Target] | None:
    """Return queries and what they should answer; None if there shall be none.

    A group has each particle twice, to be corrected and to be refused. All patches have
    as many queries as the fullest one needs; the rest counts for nothing. Where no
    patch has a particle two queries of that kind are left, for other processes may wait
    for the gradients of all weights.

    Parameters
    ----------
    truths
        Of each patch, on the CPU or where the network is.
    num_particles
        Number of classes.
    settings
        How many, and how noisy.
    generator
        Draws the noise, on the CPU, so that it is the same everywhere.
    """
    if settings.number == 0:
        return None
    known = max(len(truth.particle) for truth in truths)
    groups = max(1, settings.number // known) if known else 1
    most = max(1, known)
    device = truths[0].squares.device
    particle, squares, counts = (
        torch.stack(parts).repeat(1, 2 * groups, *[1] * (parts[0].dim() - 1))
        for parts in zip(*(_filled(truth, most) for truth in truths), strict=True)
    )
    # Each group: all particles to be corrected, then all to be refused.
    refused = torch.arange(2 * most, device=device).repeat(groups) >= most
    group = torch.arange(groups, device=device).repeat_interleave(2 * most)
    flipped = torch.rand(particle.shape, generator=generator) < settings.flips
    drawn = torch.randint(num_particles, particle.shape, generator=generator)
    queries = NoisedQueries(
        particle=torch.where(flipped.to(device), drawn.to(device), particle),
        squares=_moved(squares, refused, settings.noise, generator),
        group=group,
    )
    wanted = torch.where(counts & ~refused, particle, NOTHING)
    return queries, Target(wanted, squares, counts)


def _filled(truth: Truth, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return classes and squares, as many as asked for, and which of them are true."""
    known = len(truth.particle)
    particle = truth.particle.new_zeros(number)
    squares = truth.squares.new_full((number, 3), 0.5)
    particle[:known], squares[:known] = truth.particle, truth.squares
    return particle, squares, torch.arange(number, device=squares.device) < known


def _moved(
    squares: Tensor, refused: Tensor, noise: float, generator: torch.Generator
) -> Tensor:
    """Return squares with their centres and sides changed, those to be refused more.

    By up to `noise` halves of the side; to be refused, by one to two times as much.
    """
    size = torch.rand(squares.shape, generator=generator).to(squares)
    sign = 2.0 * torch.randint(2, squares.shape, generator=generator).to(squares) - 1
    by = sign * (size + refused[:, None]) * noise * squares[..., 2:] / 2
    moved = squares + by
    return torch.cat(
        [moved[..., :2].clamp(0, 1), moved[..., 2:].clamp(min=LEAST_SIDE)], dim=-1
    )
