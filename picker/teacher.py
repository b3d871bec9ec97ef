"""The teacher: an average of the student that labels what nobody labeled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

VIEWS: tuple[tuple[int, ...], ...] = ((), (-3,), (-2,), (-1,))
"""The identity and the flips along z, y and x."""


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Move the teacher towards the student: θ_t ← decay·θ_t + (1−decay)·θ_s.

    Floating-point weights and running statistics are averaged, counters copied.

    Source: Tarvainen & Valpola 2017, Mean teachers; Wang et al. 2025, section 2.3
    (decay = 1 − α).
    """
    student_state = student.state_dict()
    for name, value in teacher.state_dict().items():
        if value.is_floating_point():
            value.lerp_(student_state[name], 1 - decay)
        else:
            value.copy_(student_state[name])


@torch.no_grad()
def averaged_views(model: nn.Module, patch: Tensor, multi_view: bool) -> Tensor:
    """Return the heatmap averaged over flipped views of the same patch.

    Parameters
    ----------
    model
        Returns logits; must be in `eval` mode.
    patch
        `(batch, 1, z, y, x)` with even sizes: with stride 2 an odd size would shift
        a flipped view by half an output voxel.
    multi_view
        Average the identity and the flips along z, y and x; off: the identity alone.

    Returns
    -------
    `(batch, class, z/2, y/2, x/2)` float32 in [0, 1].

    Source: Wang et al. 2025, SemiETPicker, section 2.3.
    """
    assert not any(size % 2 for size in patch.shape[2:]), "views need even sizes"
    views = VIEWS if multi_view else VIEWS[:1]
    stacked = torch.cat([patch.flip(axes) if axes else patch for axes in views])
    heatmaps = model(stacked).float().sigmoid().chunk(len(views))
    return torch.stack(
        [
            heatmap.flip(axes) if axes else heatmap
            for heatmap, axes in zip(heatmaps, views, strict=True)
        ]
    ).mean(0)
