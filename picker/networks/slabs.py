"""Convolutions that overwrite what they look at, slab by slab along z.

A window's finest features are most of its memory: so they are there once, not twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

PLANES = 16
"""Thickness of a slab [planes], even."""


def can_be_overwritten(features: Tensor) -> bool:
    """Return whether slabs of features lie together: of one volume, channels last."""
    one = features.shape[0] == 1
    return one and features.is_contiguous(memory_format=torch.channels_last_3d)


def overwritten(features: Tensor, made: Callable[[int, int], Tensor]) -> Tensor:
    """Return features after each plane was replaced by what is made of it.

    Parameters
    ----------
    features
        `(1, channel, z, y, x)`.
    made
        Returns the new planes from one number up to another, of the same size; it sees
        the old ones, and at most one plane beyond on both sides.
    """
    size = features.shape[2]
    waiting = made(0, min(PLANES, size))
    for first in range(PLANES, size, PLANES):
        # The slab before is still seen by this one.
        after = made(first, min(first + PLANES, size))
        features[:, :, first - PLANES : first] = waiting
        waiting = after
    features[:, :, size - waiting.shape[2] :] = waiting
    return features


def with_neighbors(features: Tensor, first: int, last: int) -> Tensor:
    """Return planes `first` … `last` with one more on both sides, zeros at the ends."""
    size = features.shape[2]
    planes = features[:, :, max(0, first - 1) : last + 1]
    before, after = int(first == 0), int(last == size)
    if before or after:
        planes = functional.pad(planes, (0, 0, 0, 0, before, after))
    return planes
