"""What training minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-6


def reweighted_mse(
    heatmap: Tensor, target: Tensor, background_weight: float, per_class: bool = True
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

    Source: Wang et al. 2025, SemiETPicker, section 2.2.
    """
    error = (target - heatmap).square()
    over = (0, 2, 3, 4) if per_class else (0, 1, 2, 3, 4)
    particles = (target * error).sum(over) / (target.sum(over) + EPSILON)
    empty = 1 - target
    background = (empty * error).sum(over) / (empty.sum(over) + EPSILON)
    return (particles + background_weight * background).mean()
