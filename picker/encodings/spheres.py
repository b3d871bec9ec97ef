"""Picks to spheres and segmentation to picks, for methods that segment.

Indices are input voxels, fractional, as in `heatmap`: output voxel j of stride R has
its centre at jR + (R−1)/2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SPHERE_PER_RADIUS = 0.8
"""Less than 1, so that spheres of particles that touch do not."""


class Spheres:
    """A sphere about each particle, and connected components; an `Encoding`.

    A voxel belongs to one class or to none. Where spheres of two classes overlap it is
    the nearer centre's.

    Source: Moebel et al. 2021, DeepFinder (clustering of the segmentation).
    """

    def target(
        self,
        index_zyx: NDArray[np.floating],
        particle: NDArray[np.integer],
        radius: NDArray[np.floating],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return which class each voxel lies in: 1 inside its spheres, 0 outside."""
        shape = tuple(-(-size // stride) for size in shape_zyx)
        number = np.full(shape, -1, np.int64)
        nearest = np.full(shape, np.inf)
        centres = (np.asarray(index_zyx, np.float64) - (stride - 1) / 2) / stride
        for centre, kind in zip(centres, particle, strict=True):
            reach = SPHERE_PER_RADIUS * radius[kind] / stride
            low = np.maximum(np.ceil(centre - reach), 0).astype(int)
            high = np.minimum(np.floor(centre + reach) + 1, shape).astype(int)
            if (low >= high).any():
                continue
            z, y, x = (
                (np.arange(a, b) - c) ** 2
                for a, b, c in zip(low, high, centre, strict=True)
            )
            distance = np.sqrt(z[:, None, None] + y[:, None] + x)
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            inside = (distance <= reach) & (distance < nearest[box])
            number[box][inside] = kind
            nearest[box][inside] = distance[inside]
        classes = np.arange(len(radius))[:, None, None, None]
        drawn: NDArray[np.float32] = (number == classes).astype(np.float32)
        return drawn

    def particles(
        self,
        heatmap: Tensor,
        radius: NDArray[np.floating],
        min_score: float,
        stride: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the connected components of each class, best first; on the CPU.

        A voxel belongs to the class that is likelier there than background, which has
        what the heatmap leaves to 1, and every other class; voxels that share a face
        belong together. A particle lies at the centroid of its component, weighted by
        probability. Its score is the component's summed probability over the volume of
        the class's sphere, at most 1: debris scores low.
        """
        values, likeliest = heatmap.max(dim=0)
        chosen = (values > 1 - heatmap.sum(dim=0)).cpu().numpy()
        kind, value = likeliest.cpu().numpy(), values.cpu().numpy()
        centres, numbers, scores = [np.empty((0, 3))], [], [np.empty(0)]
        for number, one in enumerate(radius):
            labels, count = ndimage.label(chosen & (kind == number))
            which = np.arange(1, count + 1)
            volume = 4 / 3 * np.pi * (SPHERE_PER_RADIUS * one / stride) ** 3
            score = np.minimum(ndimage.sum_labels(value, labels, which) / volume, 1)
            centre = np.array(ndimage.center_of_mass(value, labels, which)).reshape(
                -1, 3
            )
            kept = score >= min_score
            centres.append(centre[kept] * stride + (stride - 1) / 2)
            scores.append(score[kept])
            numbers.append(np.full(int(kept.sum()), number))
        score = np.concatenate(scores).astype(np.float32)
        order = np.argsort(-score, kind="stable")
        return (
            np.concatenate(centres)[order],
            np.concatenate(numbers)[order],
            score[order],
        )
