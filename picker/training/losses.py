"""What training minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from picker.machine.processes import num_processes, total

if TYPE_CHECKING:
    from torch import Tensor

    from picker.config.loss import LossKind

EPSILON = 1e-6
SURE = 2.0**-24
"""Least distance of a heatmap from 0 and 1, of which the logarithm is taken."""
LEAST_WEIGHT = 0.1
"""Of a voxel in `weighted_mse`; at a particle's centre it is 1 more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatmapLoss:
    """The loss of a heatmap, as the settings have it.

    Attributes
    ----------
    background_weight
        λ of the reweighted losses, no unit.
    kind
        See `picker.config.LossSettings`.
    least_mass
        `(class,)` of the reweighted losses, as `reweighted` has it.
    over_unknown
        For the reweighted losses, as `reweighted` has it.
    """

    background_weight: float
    kind: LossKind = "reweighted_mse"
    least_mass: tuple[float, ...] | None = None
    over_unknown: bool = False

    def __call__(
        self,
        heatmap: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Tensor:
        """Return the loss; parameters as for `reweighted`."""
        if self.kind == "weighted_mse":
            return mean_square(
                heatmap,
                target,
                weight=target + LEAST_WEIGHT,
                class_weight=class_weight,
                known=known,
            )
        of_voxel = square if self.kind == "reweighted_mse" else divergence
        return reweighted(
            of_voxel(heatmap, target),
            target,
            self.background_weight,
            least_mass=self.least_mass,
            class_weight=class_weight,
            known=known,
            over_unknown=self.over_unknown,
        )


def square(heatmap: Tensor, target: Tensor) -> Tensor:
    """Return each voxel's squared error."""
    return (target - heatmap).square()


def divergence(heatmap: Tensor, target: Tensor) -> Tensor:
    """Return each voxel's cross-entropy, less that of a perfect heatmap.

    That is the Kullback-Leibler divergence of the heatmap from the target: at a voxel
    whose target is between 0 and 1 too it is least, and 0, where both are equal. Its
    slope by the logit is the difference of the two, however sure the network is.
    """
    # In float32 a value next to 1 is 1; there the sigmoid has no slope left either.
    heatmap = heatmap.clamp(SURE, 1 - SURE)
    perfect = torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target)
    return perfect - target * heatmap.log() - (1 - target) * torch.log1p(-heatmap)


def reweighted_mse(
    heatmap: Tensor,
    target: Tensor,
    background_weight: float,
    *,
    per_class: bool = True,
    class_weight: Tensor | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Return the squared error with particles and background weighted apart.

    Parameters
    ----------
    heatmap, target
        `(batch, class, z, y, x)` in [0, 1].
    background_weight, per_class, class_weight, known
        As for `reweighted`.

    Source: Wang et al. 2025, SemiETPicker, section 2.2.
    """
    return reweighted(
        square(heatmap, target),
        target,
        background_weight,
        per_class=per_class,
        class_weight=class_weight,
        known=known,
    )


def reweighted(
    error: Tensor,
    target: Tensor,
    background_weight: float,
    *,
    per_class: bool = True,
    least_mass: tuple[float, ...] | None = None,
    class_weight: Tensor | None = None,
    known: Tensor | None = None,
    over_unknown: bool = False,
) -> Tensor:
    """Return the mean error with particles and background weighted apart.

    Σ Y·E / (ΣY+ε) + λ Σ (1−Y)·E / (Σ(1−Y)+ε)

    Parameters
    ----------
    error, target
        E and Y, `(batch, class, z, y, x)`; the target in [0, 1].
    background_weight
        λ, no unit.
    per_class
        Take the sums class by class and average them, so that a large or frequent
        particle does not outweigh a small or rare one; off: over all voxels, as the
        paper writes it.
    least_mass
        `(class,)` least value of the sums that are divided by [output voxels]. Needs
        `per_class`.
    class_weight
        `(class,)`; 0 leaves a class out of the mean. Needs `per_class`.
    known
        As `target`, or with one class for all; 0 where the target says nothing, and
        those voxels do not count.
    over_unknown
        Divide the background by that of all voxels, known or not. So where single
        places are known alone, these few voxels weigh no more than as many others.

    Where several processes share a batch, each returns its part of the sum.

    Source: Wang et al. 2025, SemiETPicker, section 2.2, there of the squared error.
    """
    over = (0, 2, 3, 4) if per_class else (0, 1, 2, 3, 4)
    empty = 1 - target
    if known is not None:
        target, empty = known * target, known * empty
    # The denominators are those of the whole batch, over all processes.
    divided_by = 1 - target if over_unknown else empty
    masses = [total(target.sum(over)), total(divided_by.sum(over))]
    if least_mass is not None:
        least = torch.tensor(least_mass).to(target, non_blocking=True)
        masses = [torch.maximum(mass, least) for mass in masses]
    particles = (target * error).sum(over) / (masses[0] + EPSILON)
    background = (empty * error).sum(over) / (masses[1] + EPSILON)
    return _mean(particles + background_weight * background, class_weight)


def mean_square(
    heatmap: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    class_weight: Tensor | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Return the mean over voxels of the squared error, times a weight if there is one.

    Parameters
    ----------
    heatmap, target
        `(batch, class, z, y, x)` in [0, 1].
    weight
        As `target`.
    class_weight, known
        As for `reweighted`.

    Where several processes share a batch, each returns its part of the sum.
    """
    counts = torch.ones_like(target) if known is None else known.expand_as(target)
    error = counts * square(heatmap, target)
    if weight is not None:
        error = weight * error
    over = (0, 2, 3, 4)
    loss = error.sum(over) / (total(counts.sum(over)) + EPSILON)
    return _mean(loss, class_weight)


def _mean(loss: Tensor, class_weight: Tensor | None) -> Tensor:
    """Return the mean over classes of their losses."""
    if class_weight is None:
        return loss.mean()
    return (class_weight * loss).sum() / class_weight.sum().clamp_min(EPSILON)


def tversky(
    probability: Tensor,
    target: Tensor,
    miss_weight: float = 0.5,
    *,
    class_weight: Tensor | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Return one minus the overlap of segmentation and target, averaged over classes.

    1 − TP / (TP + (1−β) FP + β FN), the background being a class too.

    Parameters
    ----------
    probability, target
        `(batch, class, z, y, x)` in [0, 1]; what they leave to 1 is background.
    miss_weight
        β, weight of a voxel missed against one too many; 0.5 gives the Dice loss.
    class_weight
        `(1 + class,)` of the background and of each class in the mean; None: equal.
    known
        `(batch, 1, z, y, x)`, 0 where the target says nothing, as in `reweighted_mse`.

    Where several processes share a batch, their losses add up to the whole, and so do
    the gradients.

    Source: Salehi et al. 2017, Tversky loss function for image segmentation; Moebel et
    al. 2021, DeepFinder.
    """
    found = torch.cat([1 - probability.sum(1, keepdim=True), probability], dim=1)
    truth = torch.cat([1 - target.sum(1, keepdim=True), target], dim=1)
    if known is not None:
        found, truth = known * found, known * truth
    over = (0, 2, 3, 4)
    hit = (found * truth).sum(over)
    union = (
        hit
        + (1 - miss_weight) * (found * (1 - truth)).sum(over)
        + miss_weight * ((1 - found) * truth).sum(over)
    )
    # A ratio of sums over all processes, of which each process has its own addends: an
    # equal share of its value, plus to first order what this process can change.
    all_hit, all_union = total(hit.detach()), total(union.detach()) + EPSILON
    whole = (1 - all_hit / all_union) / num_processes()
    change = all_hit * union / all_union.square() - hit / all_union
    return _mean(whole + change - change.detach(), class_weight)
