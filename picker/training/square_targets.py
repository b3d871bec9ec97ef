"""Batches of squares, as losses get them: filled up, and where somebody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

NOTHING = -1
"""Class of what only fills a batch."""


def filled(targets: Sequence[Tensor]) -> Tensor:
    """Return `(batch, n, 4)` classes and squares, those of `NOTHING` where few are."""
    found = torch.nn.utils.rnn.pad_sequence(
        list(targets), batch_first=True, padding_value=NOTHING
    )
    return found.float()


def one_filler_more(target: Tensor) -> Tensor:
    """Return `(batch, n + 1, 4)` classes and squares, so that there is one to index."""
    return torch.nn.functional.pad(target, (0, 0, 0, 1), value=NOTHING)


def channels_of(patches: Tensor, number: int) -> Tensor:
    """Return `(batch, channel, y, x)` of patches with so many slices, or with one.

    Parameters
    ----------
    patches
        `(batch, 1, z, y, x)`.
    number
        Channels that the network has.
    """
    slices = patches[:, 0]
    return slices.expand(-1, number, -1, -1) if slices.shape[1] == 1 else slices


def known_at(squares: Tensor, known: Tensor | None) -> Tensor:
    """Return `(batch, n)` whether somebody has looked where squares have their centres.

    Parameters
    ----------
    squares
        `(batch, n, 3)` as fractions of the patch's edge.
    known
        `(batch, edge, edge)` above 0 where somebody looked; None: everywhere.
    """
    if known is None:
        return torch.ones_like(squares[..., 0], dtype=torch.bool)
    edge = known.shape[-1]
    y, x = (edge * squares[..., :2]).long().clamp(0, edge - 1).unbind(dim=-1)
    return known.flatten(1).take_along_dim(y * edge + x, dim=1) > 0
