"""What training minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.machine.processes import num_processes, total

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-6


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

    Σ Y(Y−Ŷ)² / (ΣY+ε) + λ Σ (1−Y)(Y−Ŷ)² / (Σ(1−Y)+ε)

    Parameters
    ----------
    heatmap, target
        `(batch, class, z, y, x)` in [0, 1].
    background_weight
        λ, no unit.
    per_class
        Take the sums class by class and average them, so that a large or frequent
        particle does not outweigh a small or rare one; off: over all voxels, as the
        paper writes it.
    class_weight
        `(class,)`; 0 leaves a class out of the mean. Needs `per_class`.
    known
        As `target`, or with one class for all; 0 where the target says nothing, and
        those voxels do not count.

    Where several processes share a batch, each returns its part of the sum.

    Source: Wang et al. 2025, SemiETPicker, section 2.2.
    """
    error = (target - heatmap).square()
    over = (0, 2, 3, 4) if per_class else (0, 1, 2, 3, 4)
    empty = 1 - target
    if known is not None:
        target, empty = known * target, known * empty
    # The denominators are those of the whole batch, over all processes.
    particles = (target * error).sum(over) / (total(target.sum(over)) + EPSILON)
    background = (empty * error).sum(over) / (total(empty.sum(over)) + EPSILON)
    loss = particles + background_weight * background
    if class_weight is None:
        return loss.mean()
    return (class_weight * loss).sum() / class_weight.sum().clamp_min(EPSILON)


def tversky(
    probability: Tensor,
    target: Tensor,
    miss_weight: float = 0.5,
    *,
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
    return (whole + change - change.detach()).mean()
