"""What a heatmap is trained to where a part of the particles has labels.

Labels are particles, and around them the background is known. Everywhere else there may
be particles that nobody labeled: of these only the number is known, or estimated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from picker.machine.processes import is_first, num_processes, total
from picker.training.losses import EPSILON

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import PartialSettings
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.losses import HeatmapLoss
    from picker.training.patches import PatchDataset
    from picker.training.source import PatchSource

    Hidden = Callable[[Network], NDArray[np.float64]]

OVER = (2, 3, 4)
"""The axes of a patch."""


def as_learned(
    labeled: Sequence[PatchSource], settings: PartialSettings
) -> list[PatchSource]:
    """Return labeled tomograms as heatmaps are learned from them.

    With `empty` a partial one is as any other: patches lie around its labels as often,
    and teach in all of their voxels.

    Parameters
    ----------
    labeled
        Tomograms to cut patches from.
    settings
        What is learned where no label is.
    """
    if settings.loss != "empty":
        return list(labeled)
    return [replace(source, hidden=None) for source in labeled]


class PartialLoss:
    """The loss of a heatmap; where nothing is open it is the one given.

    Sums of earlier batches are part of it: one batch holds too few particles to be
    compared with an expected number.

    Parameters
    ----------
    loss
        Of what is known.
    settings
        What is learned where no label is.
    teacher_fills
        With `count`: whether a teacher says what is background there.
    """

    def __init__(
        self,
        loss: HeatmapLoss,
        settings: PartialSettings,
        *,
        teacher_fills: bool = False,
    ) -> None:
        self.loss = loss
        self.settings = settings
        by_loss = {"empty": True, "none": False, "non_negative": True}
        self.open_is_empty = by_loss.get(settings.loss, not teacher_fills)
        self.sums: Tensor | None = None
        self.estimated: Tensor | None = None

    def __call__(self, heatmap: Tensor, batch: Batch) -> Tensor:
        """Return the loss of a batch, or this process's part of it.

        Parameters
        ----------
        heatmap
            `(batch, class, z/R, y/R, x/R)` in [0, 1].
        batch
            With the labels as targets.
        """
        known, is_open = batch.labeled_region, batch.open
        if known is not None and is_open is not None and self.open_is_empty:
            known = known + (is_open > 0).to(known)
        loss = self.loss(heatmap, batch.target, known=known)
        if is_open is None or batch.hidden_mean is None or known is None:
            return loss
        if self.settings.loss == "count":
            compared = self._count(heatmap, batch, is_open, batch.hidden_mean)
            return loss + self.settings.weight * compared
        if self.settings.loss == "non_negative":
            less = self._less(heatmap, batch, is_open, batch.hidden_mean)
            empty = total((known * (1 - batch.target)).sum((0, *OVER)))
            return (
                loss + self.loss.background_weight * (less / (empty + EPSILON)).mean()
            )
        return loss

    def estimate(
        self, hidden: Hidden | None, patches: PatchDataset, model: Network
    ) -> None:
        """Estimate the numbers that nobody knows, if the loss needs them.

        Parameters
        ----------
        hidden
            Returns, with a model, the particles without a label in all tomograms where
            nobody knows; one process calls it for all. None: they stay unknown.
        patches
            Of these tomograms and others.
        model
            Finds particles.
        """
        uses = self.settings.loss in ("count", "non_negative")
        if hidden is None or not uses or not patches.hidden.unknown.any():
            return
        found = np.zeros(len(patches.hidden.unknown))
        if is_first():
            found = patches.hidden.where_unknown(hidden(model))
        device = next(model.parameters()).device
        self.estimated = total(torch.from_numpy(found).float().to(device))

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {"sums": self.sums, "estimated": self.estimated}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.sums, self.estimated = saved["sums"], saved["estimated"]

    def _count(
        self, heatmap: Tensor, batch: Batch, is_open: Tensor, hidden_mean: Tensor
    ) -> Tensor:
        """Return how far the heatmap's mean in what is open is from the expected one.

        Kullback-Leibler divergence of the running mean from what the particles without
        a label would give, besides what reaches there of those with one. Its gradient
        is that of this batch.

        Source: Uddin et al., TomoPicker, the KL loss (there of each batch's own mean).
        """
        hidden, is_known = self._hidden(hidden_mean)

        def over_known(value: Tensor) -> Tensor:
            return torch.where(is_known, value, 0).sum(0)

        size = is_open.sum(OVER)
        found = over_known((is_open * heatmap).sum(OVER))
        expected = over_known(hidden * size + (is_open * batch.target).sum(OVER))
        here = total(torch.stack([found.detach(), expected, over_known(size)]))
        sums = self._running(here, here[2] > 0)
        mean, wanted = (sums[:2] / sums[2].clamp_min(EPSILON)).clamp(
            EPSILON, 1 - EPSILON
        )
        divergence = torch.xlogy(wanted, wanted / mean) + torch.xlogy(
            1 - wanted, (1 - wanted) / (1 - mean)
        )
        slope = (mean - wanted) / (mean * (1 - mean))
        value = divergence * (here[2] > 0) / num_processes()
        change = slope * found / here[2].clamp_min(EPSILON)
        compared: Tensor = (value + change - change.detach()).mean()
        return compared

    def _less(
        self, heatmap: Tensor, batch: Batch, is_open: Tensor, hidden_mean: Tensor
    ) -> Tensor:
        """Return `(class,)` what the error of the background has too much, as a sum.

        Particles without a label are taken for background in what is open. What each
        adds to the error there, beyond what a known one adds, is measured on those with
        a label. Where the error would fall below 0 by this, its sign is turned: the
        network has begun to learn the labels by heart.

        Source: Kiryo et al. 2017, Positive-unlabeled learning with non-negative risk
        estimator.
        """
        hidden, is_known = self._hidden(hidden_mean)

        def over_known(value: Tensor) -> Tensor:
            return torch.where(is_known, value, 0).sum(0)

        target, unknown = batch.target, (is_open > 0).to(heatmap)
        near = torch.zeros_like(unknown)
        if batch.labeled_region is not None:
            near = batch.labeled_region
        as_known = (1 - target) * (target - heatmap).square()
        error = over_known((unknown * as_known).sum(OVER))
        size = unknown.sum(OVER)
        added = (near * (heatmap.square() - as_known)).sum((0, *OVER))
        fixed = torch.stack(
            [(near * target).sum((0, *OVER)), over_known(hidden * size)]
        )
        moving = torch.stack([error, added])
        here = total(torch.cat([moving.detach(), fixed, over_known(size)[None]]))
        one = torch.ones_like(here[:1])
        is_here = here[4] > 0
        sums = self._running(torch.cat([here[:4], one]), is_here)
        mean_error, mean_added, labeled, unlabeled = sums[:4] / sums[4].clamp_min(
            EPSILON
        )
        # Particles without a label for each one, in units of their targets.
        times = unlabeled / labeled.clamp_min(EPSILON)
        is_negative = mean_error - times * mean_added < 0
        turned = torch.where(is_negative, -2.0, 0.0)
        factors = torch.stack([turned, torch.where(is_negative, times, -times)])
        factors = factors * is_here
        value = (factors * torch.stack([mean_error, mean_added])).sum(0)
        change = (factors * moving).sum(0)
        return value / num_processes() + change - change.detach()

    def _hidden(self, hidden_mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return `(batch, class)` means, 0 if unknown, and which of them are known."""
        if self.estimated is not None:
            unknown = hidden_mean.isnan()
            hidden_mean = torch.where(unknown, self.estimated, hidden_mean)
        is_known = hidden_mean.isfinite()
        return torch.where(is_known, hidden_mean, 0), is_known

    def _running(self, here: Tensor, counts: Tensor) -> Tensor:
        """Return `(sum, class)` sums over this and earlier batches, and keep them.

        Parameters
        ----------
        here
            The sums of this batch.
        counts
            `(class,)` whether it has anything to add.
        """
        before = torch.zeros_like(here) if self.sums is None else self.sums.to(here)
        momentum = self.settings.momentum
        now = momentum * before + (1 - momentum) * here
        # Numbers that are none must not stay.
        self.sums = torch.where(counts & here.isfinite().all(0), now, before)
        return self.sums
