"""The teacher, an average of the student: it labels what nobody labeled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from picker.encodings.heatmap import peaks_from_heatmap, target_from_index
from picker.refining.select import suppress_close

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class PseudoPicks:
    """How a teacher's heatmap becomes picks and a clean target.

    Attributes
    ----------
    threshold
        `(class,)` lowest score of a pseudo-pick.
    doubt
        `(class,)` from this value on, a heatmap without a pseudo-pick says nothing.
    distance
        `(class,)` least distance between pseudo-picks of a class [input voxels].
    sigma
        `(class,)` widths of the targets' Gaussians [input voxels].
    kernels
        Edge of each class's max-pool window [output voxels], odd.
    stride
        Input voxels per output voxel.
    """

    threshold: NDArray[np.float64]
    doubt: NDArray[np.float64]
    distance: NDArray[np.float64]
    sigma: NDArray[np.float64]
    kernels: list[int]
    stride: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PseudoLabels:
    """What the teacher says of unlabeled patches.

    Attributes
    ----------
    target
        `(batch, class, z/R, y/R, x/R)` in [0, 1], labels that somebody made among it.
    known
        As it, or with one class for all, 1 where it holds; None: everywhere.
    picks
        `(n, 5)` patch, class and voxel of each pseudo-pick, on the CPU; None: there
        are none, the heatmap itself is the target.
    """

    target: Tensor
    known: Tensor | None
    picks: Tensor | None = None


def target_from_teacher(
    heatmap: Tensor, settings: PseudoPicks, labels: Tensor | None = None
) -> PseudoLabels:
    """Return the heatmap's sure peaks, drawn as a labeled target is, and what is known.

    The haze between particles in a teacher's heatmap would outweigh them in the loss,
    and a peak of 0.6 would teach the student to stay unsure.

    Parameters
    ----------
    heatmap
        `(batch, class, z, y, x)` in [0, 1].
    settings
        Thresholds and widths.
    labels
        As the heatmap: target of labels that somebody made, which are sure. None: there
        are none.

    Returns
    -------
    The target, known at sure peaks and where it is clearly empty, and these peaks.
    """
    z, y, x = (size * settings.stride for size in heatmap.shape[2:])
    targets, picks = [], []
    for patch, one in enumerate(heatmap):
        index, number, score = peaks_from_heatmap(
            one, settings.kernels, float(settings.threshold.min()), settings.stride
        )
        sure = score >= settings.threshold[number]
        for of_class, distance in enumerate(settings.distance):
            ours = np.flatnonzero(sure & (number == of_class))
            sure[ours] = suppress_close(index[ours], score[ours], distance)
        voxel = np.floor(index[sure] / settings.stride).astype(np.int64)
        last = np.array(heatmap.shape[2:]) - 1
        picks.append(
            np.column_stack(
                [
                    np.full(len(voxel), patch),
                    number[sure],
                    np.clip(voxel, 0, last),
                ]
            )
        )
        targets.append(
            target_from_index(
                index[sure], number[sure], settings.sigma, (z, y, x), settings.stride
            )
        )
    target = torch.from_numpy(np.stack(targets)).to(heatmap.device)
    if labels is not None:
        target = torch.maximum(target, labels)
    doubt = torch.from_numpy(settings.doubt).to(heatmap)[:, None, None, None]
    unsure = (heatmap >= doubt) & (target < 0.5 * heatmap)
    return PseudoLabels(
        target=target,
        known=(~unsure).float(),
        picks=torch.from_numpy(np.concatenate(picks)),
    )


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Move the teacher towards the student: θ_t ← decay·θ_t + (1−decay)·θ_s.

    Floating-point weights and running statistics are averaged, counters copied.

    Source: Tarvainen & Valpola 2017, Mean teachers; Wang et al. 2025, section 2.3
    (decay = 1 − α).
    """
    towards = student.state_dict()
    averaged: tuple[list[Tensor], list[Tensor]] = ([], [])
    for name, value in teacher.state_dict().items():
        if value.is_floating_point():
            averaged[0].append(value)
            averaged[1].append(towards[name])
        else:
            value.copy_(towards[name])
    # In one call: on a GPU hundreds of small ones take longer to start than to run.
    get_ema_multi_avg_fn(decay)(*averaged, None)
