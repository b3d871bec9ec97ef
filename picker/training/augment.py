"""Weak and strong changes of a patch; same seed, same change.

What is random is drawn on a CPU, by NumPy; voxels are changed on the device that they
lie on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Sigma = tuple[float, float, float]
    Weights = tuple[Tensor, Tensor, Tensor]


NOTHING = 1e-12
"""Weights of a blur below this are set to 0."""
DETAIL = (0.5, 0.5, 0.5)
"""Width of the blur that takes away what sharpening adds [voxels]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """How a patch's intensity changes, in this order; None: not in that way.

    The changes imitate how tomograms of one session differ: defocus and denoising
    (blur, sharpening), dose (noise), ice thickness (scale, shift, contrast).

    Attributes
    ----------
    blur
        Widths of a Gaussian along z, y, x [voxels].
    sharpening
        Widths of another one, and how much detail is added to what it leaves.
    noise
        Standard deviation of white noise, and its seed.
    scale, shift
        Factor, and what is added.
    contrast
        Exponent of the values between the least and the greatest.
    restandardise
        Whether the patch gets back the mean and the standard deviation that it had.
        Its own, not 0 and 1: a patch without particles has less spread than others.
    """

    blur: Sigma | None = None
    sharpening: tuple[Sigma, float] | None = None
    noise: tuple[float, int] | None = None
    scale: float | None = None
    shift: float | None = None
    contrast: float | None = None
    restandardise: bool = False

    @property
    def sigma(self) -> list[Sigma]:
        """Widths of all blurs, in the order in which `changed` makes them."""
        found = [] if self.blur is None else [self.blur]
        if self.sharpening is not None:
            found += [self.sharpening[0], DETAIL]
        return found


UNCHANGED = Changes()


def draw_changes(
    probability: float, rng: np.random.Generator, *, restandardise: bool = False
) -> Changes:
    """Return changes of a patch's intensity, drawn at random.

    Parameters
    ----------
    probability
        Of each change; of sharpening half of it.
    rng
        Which changes, and how strong.
    restandardise
        As `Changes` has it.
    """

    def happens(chance: float) -> bool:
        return bool(rng.random() < chance)

    def widths(low: float, high: float) -> Sigma:
        z, y, x = rng.uniform(low, high, 3).tolist()
        return z, y, x

    # One after the other: which number is drawn when decides what a seed gives.
    blur = widths(0.3, 1.2) if happens(probability) else None
    sharpening = (
        (widths(0.7, 1.0), rng.uniform(0.5, 2.0)) if happens(probability / 2) else None
    )
    noise = (
        (rng.uniform(0, 0.5), int(rng.integers(2**31)))
        if happens(probability)
        else None
    )
    scale = rng.uniform(0.7, 1.3) if happens(probability) else None
    shift = rng.uniform(-0.3, 0.3) if happens(probability) else None
    contrast = rng.uniform(0.7, 1.4) if happens(probability) else None
    return Changes(
        blur=blur,
        sharpening=sharpening,
        noise=noise,
        scale=scale,
        shift=shift,
        contrast=contrast,
        restandardise=restandardise,
    )


def changed(patch: Tensor, changes: Changes, weights: Iterator[Weights]) -> Tensor:
    """Return a patch with other blur, noise, scale and contrast.

    Parameters
    ----------
    patch
        `(1, z, y, x)` normalised voxels: a standard deviation of about 1.
    changes
        What changes.
    weights
        Of the blurs of `changes.sigma`, on the patch's device; those are taken.
    """
    before = patch
    if changes.blur is not None:
        patch = blurred(patch, next(weights))
    if changes.sharpening is not None:
        _, amount = changes.sharpening
        patch = blurred(patch, next(weights))
        patch = patch + amount * (patch - blurred(patch, next(weights)))
    if changes.noise is not None:
        spread, seed = changes.noise
        # Torch's random numbers come twice as fast as NumPy's.
        generator = torch.Generator(patch.device).manual_seed(seed)
        patch = patch + spread * torch.randn(
            patch.shape, generator=generator, device=patch.device
        )
    if changes.scale is not None:
        patch = patch * changes.scale
    if changes.shift is not None:
        patch = patch + changes.shift
    if changes.contrast is not None:
        low, high = patch.min(), patch.max()
        span = (high - low).clamp_min(1e-6)
        patch = low + span * ((patch - low) / span) ** changes.contrast
    if changes.restandardise and patch is not before:
        scale = before.std() / patch.std().clamp_min(NOTHING)
        patch = before.mean() + scale * (patch - patch.mean())
    return patch


def blurred(patch: Tensor, weights: Weights) -> Tensor:
    """Return a `(1, z, y, x)` patch under a Gaussian, whose weights are given.

    A blur along one axis is a product with a square matrix. At the size of a patch that
    is an order of magnitude faster than a convolution of one channel.
    """
    z, y, x = weights
    plane = y @ (patch @ x.T)
    return (z @ plane.flatten(2)).view_as(plane)


def gaussians(shape_zyx: tuple[int, ...], sigma: Tensor) -> Iterator[Weights]:
    """Yield the weights of blurs along z, y and x, on the device of their widths.

    Made for many blurs at once: on a GPU so many small operations take longer to start
    than to run.

    Parameters
    ----------
    shape_zyx
        Of the patches [voxels].
    sigma
        `(blur, 3)` widths along z, y, x [voxels], float32.

    Yields
    ------
    For each blur three matrices `(size, size)`: each row the weights of one voxel's
    neighbours along an axis. At a face those that fall inside are scaled up to 1.
    """
    return zip(
        *(
            _gaussians(size, of_axis)
            for size, of_axis in zip(shape_zyx, sigma.T, strict=True)
        ),
        strict=True,
    )


def _gaussians(size: int, sigma: Tensor) -> Tensor:
    """Return `(blur, size, size)`."""
    index = torch.arange(size, device=sigma.device)
    weights = torch.exp(-0.5 * ((index[:, None] - index) / sigma[:, None, None]) ** 2)
    # Subnormal numbers take Intel's processors ten times as long.
    weights = weights.masked_fill(weights < NOTHING, 0)
    return weights / weights.sum(2, keepdim=True)


def draw_blocks(
    shape_zyx: tuple[int, ...], rate: float, size: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return where small blocks hide a patch of that shape.

    Blocks lie anywhere, independently of each other (stride 1), and may reach beyond a
    face. They are smaller than a particle, so that parts of it stay visible.

    Parameters
    ----------
    shape_zyx
        Of the patch [voxels].
    rate
        Fraction of voxels hidden on average.
    size
        Edge of a block [voxels], odd.
    rng
        Where the blocks lie.

    Source: Wang et al. 2025, SemiETPicker, section 2.4; Ghiasi et al. 2018.
    """
    if rate <= 0:
        return np.zeros(shape_zyx, bool)
    # Blocks per voxel: by Poisson's law they leave 1 - rate of the voxels uncovered.
    density = -math.log1p(-rate) / size**3
    margin = size - 1
    shape = np.array(shape_zyx)
    hidden = np.zeros(shape + 2 * margin, bool)
    number = rng.poisson(density * (shape + margin).prod())
    first = np.ravel_multi_index(
        tuple(rng.integers(shape + margin, size=(number, 3)).T), hidden.shape
    )
    block = np.ravel_multi_index(np.indices([size] * 3).reshape(3, -1), hidden.shape)
    hidden.reshape(-1)[first[:, None] + block] = True
    z, y, x = (slice(margin, margin + edge) for edge in shape)
    return hidden[z, y, x]


def dropblock(patch: Tensor, hidden: Tensor) -> Tensor:
    """Return a `(1, z, y, x)` patch that has its mean where it is hidden."""
    return torch.where(hidden, patch.mean(), patch)


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
    volume: NDArray[np.float32], flips: Sequence[bool] | NDArray[np.bool_], turns: int
) -> NDArray[np.float32]:
    """Return `(..., z, y, x)` turned about z, then flipped."""
    turned = np.rot90(volume, turns, axes=(-2, -1))
    axes = tuple(axis - 3 for axis in range(3) if flips[axis])
    # A copy: one slice that is flipped counts as contiguous, with a negative stride.
    return np.flip(turned, axes).copy() if axes else np.ascontiguousarray(turned)
