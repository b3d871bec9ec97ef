"""Weak and strong changes of a patch; same seed, same change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor


NOTHING = 1e-12
"""Weights of a blur below this are set to 0."""


def augment_intensity(
    patch: Tensor,
    probability: float,
    rng: np.random.Generator,
    *,
    restandardise: bool = False,
) -> Tensor:
    """Return a `(1, z, y, x)` patch with other blur, noise, scale and contrast.

    The changes imitate how tomograms of one session differ: defocus and denoising
    (blur, sharpening), dose (noise), ice thickness (scale, shift, contrast).

    Parameters
    ----------
    patch
        Normalised voxels: a standard deviation of about 1.
    probability
        Of each change; of sharpening half of it.
    rng
        Which changes, and how strong.
    restandardise
        Whether the patch gets back the mean and the standard deviation that it had.
        Its own, not 0 and 1: a patch without particles has less spread than others.
    """
    before = patch

    def happens(chance: float) -> bool:
        return bool(rng.random() < chance)

    if happens(probability):
        patch = blurred(patch, rng.uniform(0.3, 1.2, 3))
    if happens(probability / 2):
        patch = blurred(patch, rng.uniform(0.7, 1.0, 3))
        detail = patch - blurred(patch, [0.5, 0.5, 0.5])
        patch = patch + rng.uniform(0.5, 2.0) * detail
    if happens(probability):
        patch = patch + rng.uniform(0, 0.5) * torch.randn(
            patch.shape, generator=_generator(rng)
        )
    if happens(probability):
        patch = patch * rng.uniform(0.7, 1.3)
    if happens(probability):
        patch = patch + rng.uniform(-0.3, 0.3)
    if happens(probability):
        low, high = patch.min(), patch.max()
        span = (high - low).clamp_min(1e-6)
        patch = low + span * ((patch - low) / span) ** rng.uniform(0.7, 1.4)
    if restandardise and patch is not before:
        scale = before.std() / patch.std().clamp_min(NOTHING)
        patch = before.mean() + scale * (patch - patch.mean())
    return patch


def blurred(patch: Tensor, sigma_zyx: Sequence[float] | NDArray[np.float64]) -> Tensor:
    """Return a `(1, z, y, x)` patch under a Gaussian of these widths [voxels].

    A blur along one axis is a product with a square matrix. At the size of a patch that
    is an order of magnitude faster than a convolution of one channel. At a face the
    weights that fall inside are scaled up to 1.
    """
    z, y, x = (
        _gaussian(size, sigma)
        for size, sigma in zip(patch.shape[1:], sigma_zyx, strict=True)
    )
    plane = y @ (patch @ x.T)
    return (z @ plane.flatten(2)).view_as(plane)


def _gaussian(size: int, sigma: float) -> Tensor:
    """Return `(size, size)`: each row the weights of one voxel's neighbours."""
    index = torch.arange(size)
    weights = torch.exp(-0.5 * ((index[:, None] - index) / sigma) ** 2)
    # Subnormal numbers take Intel's processors ten times as long.
    weights[weights < NOTHING] = 0
    return weights / weights.sum(1, keepdim=True)


def dropblock(
    patch: Tensor, rate: float, size: int, rng: np.random.Generator
) -> Tensor:
    """Return the patch with small blocks set to its mean.

    Blocks lie anywhere, independently of each other (stride 1), and may reach beyond a
    face. They are smaller than a particle, so that parts of it stay visible.

    Parameters
    ----------
    patch
        `(1, z, y, x)`.
    rate
        Fraction of voxels occluded on average.
    size
        Edge of a block [voxels], odd.
    rng
        Where the blocks lie.

    Source: Wang et al. 2025, SemiETPicker, section 2.4; Ghiasi et al. 2018.
    """
    if rate <= 0:
        return patch
    # Blocks per voxel: by Poisson's law they leave 1 - rate of the voxels uncovered.
    density = -math.log1p(-rate) / size**3
    margin = size - 1
    shape = np.array(patch.shape[1:])
    occluded = np.zeros(shape + 2 * margin, bool)
    number = rng.poisson(density * (shape + margin).prod())
    first = np.ravel_multi_index(
        tuple(rng.integers(shape + margin, size=(number, 3)).T), occluded.shape
    )
    block = np.ravel_multi_index(np.indices([size] * 3).reshape(3, -1), occluded.shape)
    occluded.reshape(-1)[first[:, None] + block] = True
    z, y, x = (slice(margin, margin + edge) for edge in shape)
    return torch.where(torch.from_numpy(occluded[z, y, x]), patch.mean(), patch)


def _generator(rng: np.random.Generator) -> torch.Generator:
    """Return torch's random numbers, twice as fast as numpy's, seeded from `rng`."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def random_symmetry(
    rng: np.random.Generator, square: bool, rotate: bool
) -> tuple[NDArray[np.bool_], int]:
    """Return which of z, y, x to flip and how many quarter turns about z to make.

    Quarter turns need a patch that is `square` in y and x.
    """
    flips = rng.random(3) < 0.5
    turns = int(rng.integers(2)) if square and rotate else 0
    return flips, turns


def apply_symmetry(
    volume: NDArray[np.float32], flips: NDArray[np.bool_], turns: int
) -> NDArray[np.float32]:
    """Return `(..., z, y, x)` turned about z, then flipped."""
    turned = np.rot90(volume, turns, axes=(-2, -1))
    axes = tuple(axis - 3 for axis in range(3) if flips[axis])
    return np.ascontiguousarray(np.flip(turned, axes) if axes else turned)
