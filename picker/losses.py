"""What training minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.distributed import total

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
        As `target`, 0 where the target says nothing; those voxels do not count.

    Where several processes share a batch, each returns its part of the sum.

    Source: Wang et al. 2025, SemiETPicker, section 2.2.
    """
    error = (target - heatmap).square()
    over = (0, 2, 3, 4) if per_class else (0, 1, 2, 3, 4)
    empty = 1 - target
    if known is not None:
        target, empty = known * target, known * empty
    # The denominators are those of the whole batch, whoever has its patches.
    particles = (target * error).sum(over) / (total(target.sum(over)) + EPSILON)
    background = (empty * error).sum(over) / (total(empty.sum(over)) + EPSILON)
    loss = particles + background_weight * background
    if class_weight is None:
        return loss.mean()
    return (class_weight * loss).sum() / class_weight.sum().clamp_min(EPSILON)
