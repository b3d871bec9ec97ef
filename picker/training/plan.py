"""How a batch is made: all that is random, and what its voxels have no part in.

It is drawn on a CPU. The voxels are made from it wherever the volumes lie, in the
memory of a GPU or in chunks on disk, by the same code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

import torch
from torch.utils.data import Dataset

from picker.training.augment import UNCHANGED, changed, dropblock, gaussians
from picker.training.batch import Batch
from picker.training.halves import with_noise
from picker.training.turning import turned_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from picker.config import TrainSettings
    from picker.training.augment import Changes
    from picker.training.boxes import Box, Boxes
    from picker.training.halves import MoreNoise
    from picker.training.turning import Turning


class Volumes(Protocol):
    """Where boxes are cut from."""

    def cut(self, box: Box, /) -> Tensor:
        """Return its `(1, z, y, x)` float32 voxels, turned and flipped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How a patch is made.

    Attributes
    ----------
    box
        Where its voxels lie.
    noise
        Noise of halves on top, one after the other.
    turning
        How it is turned in the plane after that; None: not.
    changes
        Of its intensity, last, so that noise that is added is white.
    """

    box: Box
    noise: tuple[MoreNoise, ...] = ()
    turning: Turning | None = None
    changes: Changes = UNCHANGED


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a batch is made.

    Attributes
    ----------
    labeled, weak, strong
        How its patches are made, as `Batch` has them.
    sigma
        `(blur, 3)` widths of all their blurs along z, y, x [voxels], in this order.
    hidden
        `(batch, 1, z, y, x)` where strong patches are hidden; None: nowhere.
    rest
        The batch without a patch: `(0, 1, z, y, x)` voxels.
    """

    labeled: tuple[View, ...]
    weak: tuple[View, ...]
    strong: tuple[View, ...]
    sigma: Tensor
    hidden: Tensor | None
    rest: Batch

    def pin_memory(self) -> Plan:
        """Return it in memory that a GPU can copy from; torch's loader calls this."""
        return self._each(lambda tensor: tensor.pin_memory(), self.rest.pin_memory())

    def to(self, device: torch.device) -> Plan:
        """Return it on a device; if it is pinned, without waiting for the copy."""
        return self._each(
            lambda tensor: tensor.to(device, non_blocking=True), self.rest.to(device)
        )

    def _each(self, change: Callable[[Tensor], Tensor], rest: Batch) -> Plan:
        hidden = None if self.hidden is None else change(self.hidden)
        return replace(self, sigma=change(self.sigma), hidden=hidden, rest=rest)


def sigma_of(*views: View) -> Tensor:
    """Return what `Plan.sigma` has, of patches in the order in which they are made."""
    found = [one for view in views for one in view.changes.sigma]
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 3)


def made(plan: Plan, volumes: Volumes) -> Batch:
    """Return a batch, made where the plan and the volumes lie."""
    none = plan.rest.labeled
    weights = gaussians(tuple(none.shape[2:]), plan.sigma)
    # A weak patch and its strong one often have a box in common.
    cut = cache(volumes.cut)

    def patch(view: View) -> Tensor:
        voxels = cut(view.box)
        for more in view.noise:
            voxels = with_noise(voxels, cut(more.box), more)
        if view.turning is not None:
            voxels = turned_image(voxels, view.turning)
        return changed(voxels, view.changes, weights)

    # In the order of their blurs.
    labeled, weak, strong = (
        [patch(view) for view in views]
        for views in (plan.labeled, plan.weak, plan.strong)
    )
    if plan.hidden is not None:
        strong = list(map(dropblock, strong, plan.hidden))
    return replace(
        plan.rest,
        labeled=torch.stack(labeled),
        weak=torch.stack(weak) if weak else none,
        strong=torch.stack(strong) if strong else none,
    )


class Batches(Dataset[Batch], ABC):
    """Batches by step number, of patches of one shape.

    Attributes
    ----------
    settings
        Sizes, seed and augmentations.
    boxes
        Where patches are cut.
    shape
        Of a patch, z, y, x [voxels].
    """

    settings: TrainSettings
    boxes: Boxes
    shape: tuple[int, int, int]

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of one step, or this process's share of it."""
        return made(self.plan(step), self.boxes)

    @abstractmethod
    def plan(self, step: int) -> Plan:
        """Return how that batch is made."""
