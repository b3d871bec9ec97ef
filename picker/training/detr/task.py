"""Training of a detection transformer on squares: the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.training.detr.denoising import noised_queries
from picker.training.detr.losses import detection_losses
from picker.training.detr.targets import NOTHING, Truth
from picker.training.slices import channels_of
from picker.training.task import AveragedTask

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.config.detr import DenoisingSettings
    from picker.networks.detr.transformer import DetectionTransformer
    from picker.training.batch import Batch
    from picker.training.slices import SliceDataset
    from picker.training.task import Schedule

CLIP = 0.1
"""Longest gradient, as published for DETR and its kin."""


class SquareTask(AveragedTask):
    """Learns squares of slices; the average of the weights is the result.

    Parameters
    ----------
    name
        The stage's.
    schedule
        Steps and learning rate.
    model
        Where training starts.
    patches
        With squares.
    num_particles
        Number of classes.
    denoising
        Queries that are made of the squares.
    decay
        Of the average, per step; 0: the last weights.
    """

    clip = CLIP
    model: DetectionTransformer
    patches: SliceDataset

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        model: DetectionTransformer,
        patches: SliceDataset,
        num_particles: int,
        denoising: DenoisingSettings,
        decay: float,
    ) -> None:
        self.name, self.schedule = name, schedule
        self.model, self.patches = model, patches
        self.num_particles, self.denoising = num_particles, denoising
        self.decay = decay

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the losses of class, distance and overlap, and of noised queries."""
        truths = truths_of(batch.target)
        generator = torch.Generator().manual_seed(self._seed(step))
        drawn = noised_queries(truths, self.num_particles, self.denoising, generator)
        queries, target = drawn or (None, None)
        patches = channels_of(batch.labeled, self.model.settings.channels)
        known = None if batch.labeled_region is None else batch.labeled_region[:, 0, 0]
        return detection_losses(student(patches, queries), truths, target, known)

    def _seed(self, step: int) -> int:
        """Return a seed for the noise of a step, so that a resumed run has the same."""
        drawn = torch.Generator().manual_seed(self.patches.settings.seed % 2**63)
        own = torch.randint(2**31, (1,), generator=drawn).item()
        return (int(own) + self.patches.stage + step) % 2**63


def truths_of(target: Tensor) -> list[Truth]:
    """Return the known particles of each patch, see `SliceDataset`."""
    truths = []
    for patch in target:
        known = patch[patch[:, 0] != NOTHING]
        truths.append(Truth(known[:, 0].long(), known[:, 1:]))
    return truths
