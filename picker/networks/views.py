"""A volume seen from several sides: findings are turned back and averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

VIEWS: tuple[tuple[int, ...], ...] = ((), (-3,), (-2,), (-1,))
"""The identity and the flips along z, y and x."""


@torch.no_grad()
def averaged_views(model: nn.Module, patch: Tensor, multi_view: bool) -> Tensor:
    """Return the heatmap averaged over flipped views of the same patch.

    Parameters
    ----------
    model
        Returns logits; must be in `eval` mode.
    patch
        `(batch, 1, z, y, x)` with even sizes: at stride 2 an odd size would shift
        a flipped view by half an output voxel.
    multi_view
        Average the identity and the flips along z, y and x; off: the identity alone.

    Returns
    -------
    `(batch, class, z/R, y/R, x/R)` float32 in [0, 1], R being the model's stride.

    Source: Wang et al. 2025, SemiETPicker, section 2.3.
    """
    assert not any(size % 2 for size in patch.shape[2:]), "views need even sizes"
    views = VIEWS if multi_view else VIEWS[:1]
    # One view after the other: as fast as all at once, in a quarter of the memory.
    total: Tensor = model(patch).float().sigmoid_()
    for axes in views[1:]:
        # Turned back before it takes twice the memory in float32.
        logits = model(patch.flip(axes)).flip(axes)
        total += logits.float().sigmoid_()
        del logits
    return total.div_(len(views))
