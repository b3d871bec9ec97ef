"""Weak and strong changes of a patch; same seed, same change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrast,
    RandGaussianNoise,
    RandGaussianSharpen,
    RandGaussianSmooth,
    RandScaleIntensity,
    RandShiftIntensity,
)
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


def intensity_augmentation(probability: float) -> Compose:
    """Return the intensity augmentations, each applied with this probability.

    They imitate how tomograms of one session differ: dose and noise, defocus and
    denoising (blur, sharpening), ice thickness (scale, shift, contrast).
    """
    return Compose(
        [
            RandGaussianSmooth((0.3, 1.2), (0.3, 1.2), (0.3, 1.2), prob=probability),
            RandGaussianSharpen(
                (0.7, 1.0),
                (0.7, 1.0),
                (0.7, 1.0),
                0.5,
                0.5,
                0.5,
                (0.5, 2.0),
                prob=probability / 2,
            ),
            RandGaussianNoise(prob=probability, std=0.5),
            RandScaleIntensity(factors=0.3, prob=probability),
            RandShiftIntensity(offsets=0.3, prob=probability),
            RandAdjustContrast(gamma=(0.7, 1.4), prob=probability),
        ]
    )


def augment_intensity(
    patch: Tensor, augmentation: Compose, rng: np.random.Generator
) -> Tensor:
    """Return a `(1, z, y, x)` patch with other noise, blur, scale and contrast."""
    augmentation.set_random_state(int(rng.integers(2**31)))
    changed = augmentation(patch)
    return torch.as_tensor(np.asarray(changed), dtype=torch.float32)


def dropblock(
    patch: Tensor, rate: float, size: int, rng: np.random.Generator
) -> Tensor:
    """Return the patch with small blocks set to its mean.

    A Bernoulli mask of the patch's shape, widened by max-pooling (kernel `size`,
    stride size // 2, here always 1 voxel apart) and thresholded. Blocks are smaller
    than a particle, so that parts of it stay visible.

    Parameters
    ----------
    patch
        `(1, z, y, x)`.
    rate
        Fraction of voxels occluded on average; the seeds are as many fewer as a
        block has voxels.
    size
        Edge of a block [voxels], odd.
    rng
        Where the blocks lie.

    Source: Wang et al. 2025, SemiETPicker, section 2.4; Ghiasi et al. 2018.
    """
    if rate <= 0:
        return patch
    seed_rate = 1 - (1 - rate) ** (1 / size**3)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    seeds = (torch.rand(patch.shape, generator=generator) < seed_rate).float()
    occluded = functional.max_pool3d(seeds, size, stride=1, padding=size // 2) > 0
    return torch.where(occluded, patch.mean(), patch)


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
