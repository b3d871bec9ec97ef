"""Picks to full balls, one channel a class, and a probability to picks.

Indices are input voxels, fractional, as in `heatmap`: output voxel j of stride R has
its centre at jR + (R−1)/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammainc

from picker.encodings.heatmap import nms_kernel, peaks_from_heatmap
from picker.encodings.nearby import first_within

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

REACH = 3.0
"""The smoothing Gaussian is cut off at this many sigma."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Balls:
    """A ball of the particle's full radius, and peaks in between; an `Encoding`.

    Channels know nothing of each other: balls of two classes may overlap, so what a
    particle adds to its class's target does not depend on which of its neighbours have
    labels, and the number of particles times the voxels of one is what is expected of
    all. Balls of one class are joined.

    Inside a ball the probability is the same everywhere, up to noise, and its highest
    voxel says little about the centre. Peaks are those of the probability smoothed by a
    Gaussian, which is highest at the centre of a ball.

    Attributes
    ----------
    smooth_per_radius
        Width (σ) of that Gaussian as a fraction of the radius.
    nms_per_radius
        Edge of the window in which a peak is the highest, as a fraction of the radius.

    Source: Uddin et al. 2025, TomoPicker, sections 3.1 and 3.4 (which takes the highest
    voxels without smoothing).
    """

    smooth_per_radius: float = 0.4
    nms_per_radius: float = 0.5

    def target(
        self,
        index_zyx: NDArray[np.floating],
        particle: NDArray[np.integer],
        radius: NDArray[np.floating],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return 1 within a radius of a particle of the channel's class, else 0."""
        shape = tuple(-(-size // stride) for size in shape_zyx)
        drawn = np.zeros((len(radius), *shape), np.float32)
        centres = (np.asarray(index_zyx, np.float64) - (stride - 1) / 2) / stride
        for centre, number in zip(centres, particle, strict=True):
            reach = radius[number] / stride
            low = np.maximum(np.ceil(centre - reach), 0).astype(int)
            high = np.minimum(np.floor(centre + reach) + 1, shape).astype(int)
            if (low >= high).any():
                continue
            z, y, x = (
                (np.arange(a, b) - c) ** 2
                for a, b, c in zip(low, high, centre, strict=True)
            )
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            drawn[number][box][z[:, None, None] + y[:, None] + x <= reach**2] = 1
        return drawn

    def particles(
        self,
        heatmap: Tensor,
        radius: NDArray[np.floating],
        min_score: float,
        stride: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the peaks of each class that no better one is within a radius of.

        A score is the smoothed probability over that at the centre of a ball where the
        network is sure, at most 1: what is smaller than the particle scores less.
        """
        found = []
        sure = float(gammainc(1.5, 0.5 / self.smooth_per_radius**2))
        for number, one in enumerate(radius):
            sigma = self.smooth_per_radius * one / stride
            smooth = smoothed(heatmap[number].float(), sigma) / sure
            kernel = nms_kernel(one, self.nms_per_radius, stride)
            index, _, score = peaks_from_heatmap(
                smooth[None], [kernel], min_score, stride
            )
            kept = first_within(index, one)
            score = np.minimum(score[kept], 1)
            found.append((index[kept], np.full(len(kept), number), score))
        index, kind, score = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(-score, kind="stable")
        return index[order], kind[order], score[order]


def smoothed(values: Tensor, sigma: float) -> Tensor:
    """Return `(z, y, x)` values smoothed by a Gaussian, with nothing beyond the faces.

    Parameters
    ----------
    values
        `(z, y, x)`, left unchanged.
    sigma
        Width of the Gaussian [voxels].
    """
    for axis in range(3):
        size = values.shape[axis]
        reach = min(int(np.ceil(REACH * sigma)), size - 1)
        weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
        weights /= 2 * weights.sum() - weights[0]
        result = values * weights[0]
        for step in range(1, reach + 1):
            for to, of in ((0, step), (step, 0)):
                result.narrow(axis, to, size - step).add_(
                    values.narrow(axis, of, size - step), alpha=float(weights[step])
                )
        values = result
    return values
