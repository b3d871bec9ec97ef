"""Picks to target and heatmap to picks: an inverse pair, exact to the half-voxel.

An output voxel j of stride R covers the input voxels jR … jR+R−1, so its centre is
input index jR + (R−1)/2. All indices here are input voxels, fractional.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

REACH = 4.0
"""Gaussians are drawn up to this many sigma; beyond, they are below 4e-4."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gaussians:
    """A Gaussian at each particle, and the peaks of a heatmap; an `Encoding`.

    Attributes
    ----------
    sigma_per_radius
        Width of a Gaussian as a fraction of the particle's radius.
    floor
        Snap to output voxels, as the paper writes it.
    nms_per_radius
        Edge of the window in which a peak is the highest, as a fraction of the radius.
    """

    sigma_per_radius: float = 0.5
    floor: bool = False
    nms_per_radius: float = 0.5

    def target(
        self,
        index_zyx: NDArray[np.floating],
        particle: NDArray[np.integer],
        radius: NDArray[np.floating],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return the largest Gaussian at each voxel, see `target_from_index`."""
        sigma = self.sigma_per_radius * radius
        return target_from_index(
            index_zyx, particle, sigma, shape_zyx, stride, self.floor
        )

    def particles(
        self,
        heatmap: Tensor,
        radius: NDArray[np.floating],
        min_score: float,
        stride: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the peaks of each class, best first, see `peaks_from_heatmap`."""
        kernels = [nms_kernel(r, self.nms_per_radius, stride) for r in radius]
        return peaks_from_heatmap(heatmap, kernels, min_score, stride)


def target_from_index(
    index_zyx: NDArray[np.floating],
    particle: NDArray[np.integer],
    sigma: NDArray[np.floating],
    shape_zyx: tuple[int, int, int],
    stride: int,
    floor: bool = False,
) -> NDArray[np.float32]:
    """Draw each particle as a Gaussian in its class's channel.

    Parameters
    ----------
    index_zyx
        `(n, 3)` particle centres [input voxels]; may lie outside the patch.
    particle
        `(n,)` class numbers.
    sigma
        `(class,)` widths [input voxels].
    shape_zyx
        Size of the patch [input voxels].
    stride
        R, input voxels per output voxel.
    floor
        Snap to output voxel ⌊p/R⌋ as the paper writes it, for its ablation.

    Returns
    -------
    `(class, ⌈z/R⌉, ⌈y/R⌉, ⌈x/R⌉)` in [0, 1]; overlaps keep the larger value.

    Source: Wang et al. 2025, SemiETPicker, section 2.2; Zhou et al. 2019,
    Objects as points.
    """
    shape = tuple(-(-size // stride) for size in shape_zyx)
    target = np.zeros((len(sigma), *shape), np.float32)
    if floor:
        centres = np.floor(np.asarray(index_zyx) / stride)
    else:
        centres = (np.asarray(index_zyx, np.float64) - (stride - 1) / 2) / stride
    for centre, number in zip(centres, particle, strict=True):
        width = sigma[number] / stride
        low = np.maximum(np.ceil(centre - REACH * width), 0).astype(int)
        high = np.minimum(np.floor(centre + REACH * width) + 1, shape).astype(int)
        if (low >= high).any():
            continue
        z, y, x = (
            np.exp(-((np.arange(a, b) - c) ** 2) / (2 * width**2)).astype(np.float32)
            for a, b, c in zip(low, high, centre, strict=True)
        )
        box = target[number, low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        np.maximum(box, z[:, None, None] * y[:, None] * x, out=box)
    return target


def nms_kernel(radius: float, fraction: float, stride: int) -> int:
    """Return the edge of the max-pool kernel [output voxels], odd and at least 3.

    `radius` is in input voxels; the kernel spans `fraction` of it.
    """
    return max(3, 2 * round((radius * fraction / stride - 1) / 2) + 1)


def peaks_from_heatmap(
    heatmap: Tensor, kernels: list[int], min_score: float, stride: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the local maxima of each class, best first.

    Parameters
    ----------
    heatmap
        `(class, z, y, x)` in [0, 1], on any device.
    kernels
        Edge of the max-pool window of each class [output voxels], odd.
    min_score
        Lower maxima are left out.
    stride
        R, input voxels per output voxel.

    Returns
    -------
    `(n, 3)` sub-voxel positions [input voxels], `(n,)` class numbers, `(n,)` scores.

    Source: Wang et al. 2025, SemiETPicker, section 2.2 (NMS by max-pooling).
    """
    positions, numbers, scores = [], [], []
    for number, kernel in enumerate(kernels):
        values = heatmap[number].float()
        index = torch.nonzero(is_peak(values, kernel, min_score))
        scores.append(values[tuple(index.T)].cpu().numpy())
        centre = index.double() + _subvoxel_shift(values, index)
        positions.append((centre * stride + (stride - 1) / 2).cpu().numpy())
        numbers.append(np.full(len(index), number))
    score = np.concatenate(scores)
    order = np.argsort(-score, kind="stable")
    return (
        np.concatenate(positions)[order],
        np.concatenate(numbers)[order],
        score[order],
    )


def is_peak(values: Tensor, kernel: int, min_score: float) -> Tensor:
    """Return which voxels are local maxima.

    Parameters
    ----------
    values
        `(..., z, y, x)` of one class, in [0, 1].
    kernel
        Edge of the max-pool window [voxels], odd.
    min_score
        Lower maxima are none.
    """
    return (values == _highest_around(values, kernel)) & (values >= min_score)


def _highest_around(values: Tensor, kernel: int) -> Tensor:
    """Return the maximum of the cube around each voxel, `(..., z, y, x)` as `values`.

    What max-pooling with a stride of 1 gives, axis by axis and along each by doubling:
    3 log2(kernel) comparisons a voxel instead of kernel³, each of whole rows, which on
    a CPU is several times as fast as PyTorch's pooling along the axes.
    """
    # A longer kernel sees no more than the whole axis, and would fill the memory.
    kernels = [min(kernel, 2 * size - 1) for size in values.shape[-3:]]
    # Nothing lies beyond a face. Last axis first.
    beyond = [edge // 2 for edge in reversed(kernels) for _ in range(2)]
    highest = functional.pad(values, beyond, value=-torch.inf)
    for axis, edge in enumerate(kernels, -3):
        reach = 1  # each value is the highest of so many voxels from its own on
        while reach < edge:
            step = min(reach, edge - reach)
            length = highest.shape[axis] - step
            highest = torch.maximum(
                highest.narrow(axis, 0, length), highest.narrow(axis, step, length)
            )
            reach += step
    return highest


def _subvoxel_shift(values: Tensor, index: Tensor) -> Tensor:
    """Return `(n, 3)` shifts in ±0.5 to the top of a parabola through log values.

    Exact for a Gaussian. There is no shift on a face, where a neighbour is missing.
    """
    shifts = torch.zeros(index.shape, dtype=torch.float64, device=values.device)

    def log(at: Tensor) -> Tensor:
        return values[tuple(at.T)].double().clamp_min(1e-6).log()

    for axis in range(3):
        size = values.shape[axis]
        inside = (index[:, axis] > 0) & (index[:, axis] < size - 1)
        at = index[inside]
        step = torch.zeros_like(at)
        step[:, axis] = 1
        before, here, after = log(at - step), log(at), log(at + step)
        curvature = before - 2 * here + after
        shift = torch.where(
            curvature < 0, 0.5 * (before - after) / curvature, torch.zeros_like(here)
        )
        shifts[inside, axis] = shift.clamp(-0.5, 0.5)
    return shifts
