"""Voxel sizes: by what ratio a volume is rescaled, and masks on the new grid."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_VOXEL_SIZE = 1e-3
"""Voxel sizes this close, relative, are the same."""
TARGET_TOLERANCE = 3e-3
"""How near a rescaled voxel size comes to its target, relative."""
NEARLY_SAME_VOXEL_SIZE = 1e-2
"""Voxel sizes this close, relative, are not worth rescaling."""

MOST_PIXELS, BEST_PIXELS = 64, 32
"""Widths of the largest particle of a micrograph from which there is a warning, and
that it names: 16 to 32 pixels show what tells particles apart."""


def rescaling(
    shape: tuple[int, ...], voxel_size: float, target: float | None
) -> tuple[Fraction, list[str]]:
    """Return new voxel size over old, as a fraction of small numbers, and warnings.

    Parameters
    ----------
    shape
        Number of voxels along each axis.
    voxel_size
        Edge of a voxel [Å].
    target
        What it should become, `preprocess.target_voxel_size` [Å]; None: as it is.

    Raises
    ------
    ValueError
        If voxels would become smaller, or larger than the volume.
    """
    if target is None:
        return Fraction(1), []
    _check_extent(shape, voxel_size, target)
    ratio = target / voxel_size
    if abs(ratio - 1) <= SAME_VOXEL_SIZE:
        return Fraction(1), []
    if abs(ratio - 1) <= NEARLY_SAME_VOXEL_SIZE:
        return Fraction(1), [
            f"voxel size {voxel_size:g} Å is within"
            f" {NEARLY_SAME_VOXEL_SIZE:.0%} of preprocess.target_voxel_size"
            f" {target:g} Å and was kept"
        ]
    if ratio < 1:
        raise ValueError(
            f"voxel size is {voxel_size:g} Å, expected at most"
            f" preprocess.target_voxel_size, {target:g} Å: smaller voxels would hold"
            " no more detail; raise preprocess.target_voxel_size"
        )
    # The smallest numbers that come near enough need the least padding. The size that
    # results is passed on, so it need not be exactly the target.
    denominator = 1
    while abs(round(denominator * ratio) / denominator / ratio - 1) > TARGET_TOLERANCE:
        denominator += 1
    return Fraction(round(denominator * ratio), denominator), []


def needless_pixels(name: str, diameter: float, voxel_size: float) -> list[str]:
    """Return a warning if particles in a micrograph are needlessly many pixels wide.

    Parameters
    ----------
    name
        Of the micrograph.
    diameter
        Of the largest particle [Å].
    voxel_size
        Edge of a pixel, after rescaling [Å].
    """
    if diameter <= MOST_PIXELS * voxel_size:
        return []
    return [
        f"{name}: the largest particle is {diameter / voxel_size:.0f} pixels wide, and"
        f" {BEST_PIXELS} are enough to find it, in less time; set"
        f" preprocess.target_voxel_size: {diameter / BEST_PIXELS:.2g}"
    ]


def resampled(
    region: NDArray[np.bool_], shape: tuple[int, ...], ratio: Fraction
) -> NDArray[np.bool_]:
    """Return the region on a grid of voxels `ratio` times as large."""
    if ratio == 1:
        return region
    z, y, x = (
        np.minimum(np.round(np.arange(new) * float(ratio)).astype(int), old - 1)
        for new, old in zip(shape, region.shape, strict=True)
    )
    return region[np.ix_(z, y, x)]


def _check_extent(shape: tuple[int, ...], voxel_size: float, target: float) -> None:
    """Refuse voxels that are larger than the volume."""
    # A micrograph is one voxel thick, and stays so.
    shortest = min(shape[shape[0] == 1 :]) * voxel_size
    if target > shortest:
        raise ValueError(
            f"preprocess.target_voxel_size is {target:g} Å, and the volume's shortest"
            f" axis {shortest:g} Å; expected many voxels along each axis, lower it"
        )
