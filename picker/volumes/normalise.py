"""Volumes as files hold them to volumes that the network expects.

Afterwards particles are dark, the mean is 0 and the standard deviation 1. Nothing
here touches a file or changes its input.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from picker.volumes.region import mean_and_spread, resampled
from picker.volumes.spectrum import fourier_crop, whitened

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from picker.config import PreprocessSettings
    from picker.volumes.spectrum import Whitening

    Volume = NDArray[np.float32]

SAME_VOXEL_SIZE = 1e-3
"""Voxel sizes this close, relative, are the same."""
TARGET_TOLERANCE = 3e-3
"""How near a rescaled voxel size comes to its target, relative."""
NEARLY_SAME_VOXEL_SIZE = 1e-2
"""Voxel sizes this close, relative, are not worth rescaling."""
MAX_QUANTILE_VOXELS = 4_000_000
"""Percentiles of larger volumes are taken from this many voxels, evenly spread."""
MAX_STORED = float(np.finfo(np.float16).max)
"""Largest normalised value, which is stored as float16 [standard deviations]."""
SAFE_RANGE = (1e-15, 1e15)
"""If a volume's largest value is in this range, float32 holds its squares and sums."""


class Linear(NamedTuple):
    """What preprocessing did to a volume, but for subtracting and clipping.

    Attributes
    ----------
    exponent
        Of the power of two that the volume was multiplied by first.
    ratio
        New voxel size over the old.
    whitening
        Filter; None: it was not filtered.
    gain
        What it was multiplied by at last; below 0 where contrast was inverted.
    """

    exponent: int
    ratio: Fraction
    whitening: Whitening | None
    gain: float


def preprocess_volume(
    volume: ArrayLike,
    voxel_size: float,
    settings: PreprocessSettings,
    region: NDArray[np.bool_] | None = None,
) -> tuple[Volume, float, list[str]]:
    """Return a rescaled, whitened, clipped, normalised volume with dark particles.

    Outliers are clipped before whitening too.

    Parameters
    ----------
    volume
        `(z, y, x)` density of any number type, in memory or lazy; left unchanged.
        One float32 copy is made of it, and nothing else of its size unless the
        volume is rescaled or whitened.
    voxel_size
        Edge of one voxel [Å].
    settings
        Clipping, target voxel size [Å], and whether particles are dark in the file.
    region
        Shaped as `volume`; true for the voxels whose mean, spread and percentiles
        count, such as the lamella without the void around it. None: all.

    Returns
    -------
    `(z, y, x)` float32 volume of mean 0 and standard deviation 1 in the region; its
    voxel size [Å], changed only by rescaling; warnings. Positions [Å] hold for both
    volumes: index 0 is at 0 Å in each.

    Raises
    ------
    ValueError
        If the voxel size is not above 0, the volume is not three-dimensional, has
        voxels that are not finite or all equal, is normalised to more than float16
        holds, or would have to be rescaled to smaller voxels, or the region is empty.

    Source: clip at 3 standard deviations, then normalise again: M. R. Uddin et al.,
    TomoPicker: Annotation-Efficient Particle Picking in cryo-electron Tomograms.
    """
    result, voxel_size, warnings, _ = prepared_volume(
        volume, voxel_size, settings, region
    )
    return result, voxel_size, warnings


def prepared_volume(
    volume: ArrayLike,
    voxel_size: float,
    settings: PreprocessSettings,
    region: NDArray[np.bool_] | None = None,
) -> tuple[Volume, float, list[str], Linear]:
    """Return what `preprocess_volume` does, and what of it was linear.

    Arguments and errors as for that.
    """
    if not (math.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(
            f"voxel size is {voxel_size} Å, expected more than 0; set the voxel size"
            " in the tomogram table or tomograms.voxel_size"
        )
    ratio = Fraction(1)
    warnings: list[str] = []
    if settings.target_voxel_size is not None:
        _check_extent(np.shape(volume), voxel_size, settings.target_voxel_size)
        ratio, warnings = _scale(voxel_size, settings.target_voxel_size)
    # Rescaling makes a new volume; all else works in place and needs a copy.
    result: Volume = (
        np.array(volume, np.float32) if ratio == 1 else np.asarray(volume, np.float32)
    )
    if result.ndim != 3 or result.size == 0:
        raise ValueError(
            f"volume has shape {result.shape}, expected three axes z, y, x;"
            " give a single volume, not a stack or an image"
        )
    _check_finite(result)
    result, exponent = _in_safe_range(result)
    result = fourier_crop(result, ratio)
    voxel_size = voxel_size * ratio.numerator / ratio.denominator
    if region is not None:
        region = resampled(region, result.shape, ratio)
    gain, whitening = 1.0, None
    if settings.whiten:
        # Else a few gold beads would decide what is amplified.
        _clip(result, settings, region)
        gain = _standardise(result, None, sign=1)  # refuses a constant volume
        result, whitening = whitened(result)
    _clip(result, settings, region)
    sign = -1 if settings.particles_are == "light" else 1
    gain *= _standardise(result, region, sign=sign)
    check_stored(result, "normalised values", "set preprocess.clip: sigma, or ")
    return result, voxel_size, warnings, Linear(exponent, ratio, whitening, gain)


def check_stored(volume: Volume, what: str, advice: str = "") -> None:
    """Refuse values that are too large to be stored.

    Raises
    ------
    ValueError
        If float16 does not hold one of them.
    """
    largest = max(float(volume.max()), -float(volume.min()))
    if not largest <= MAX_STORED:
        raise ValueError(
            f"{what} reach {largest:.3g} standard deviations, expected at most"
            f" {MAX_STORED:g}, which the stored numbers hold; {advice}fix what is so"
            " far from the rest of the volume"
        )


def _check_extent(shape: tuple[int, ...], voxel_size: float, target: float) -> None:
    """Refuse voxels that are larger than the volume."""
    shortest = min(shape, default=0) * voxel_size
    if target > shortest:
        raise ValueError(
            f"preprocess.target_voxel_size is {target:g} Å, and the volume's shortest"
            f" axis {shortest:g} Å; expected many voxels along each axis, lower it"
        )


def _scale(voxel_size: float, target: float) -> tuple[Fraction, list[str]]:
    """Return new voxel size over old, as a fraction of small numbers, and warnings."""
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


def _check_finite(volume: Volume) -> None:
    bad = sum(int(part.size - np.isfinite(part).sum()) for part in volume)
    if bad:
        raise ValueError(
            f"volume has {bad} of {volume.size} voxels that are not finite numbers,"
            " expected none; reconstruct it again or replace them by the mean"
        )


def _in_safe_range(volume: Volume) -> tuple[Volume, int]:
    """Return the volume, or a multiple of it whose squares and sums float32 holds.

    A volume of values near 1e-38 would become NaN. The factor is a power of two, which
    loses no digit; its exponent comes second.
    """
    largest = max(abs(float(volume.max())), abs(float(volume.min())))
    if largest == 0 or SAFE_RANGE[0] <= largest <= SAFE_RANGE[1]:
        return volume, 0
    exponent = -math.frexp(largest)[1]
    return np.ldexp(volume, exponent), exponent


def _clip(
    volume: Volume, settings: PreprocessSettings, region: NDArray[np.bool_] | None
) -> None:
    """Cut outliers in place."""
    if settings.clip == "sigma":
        mean, spread = mean_and_spread(volume, region)
        reach = settings.clip_sigma * spread
        np.clip(volume, mean - reach, mean + reach, out=volume)
    elif settings.clip == "percentile":
        low, high = settings.clip_percentiles
        inside = volume if region is None else volume[region]
        cut = np.quantile(_sample(inside), (low, high)).astype(np.float32)
        np.clip(volume, cut[0], cut[1], out=volume)


def _sample(volume: Volume) -> Volume:
    """Return enough voxels, evenly spread, to take percentiles from."""
    step = math.ceil(volume.size / MAX_QUANTILE_VOXELS)
    # A step that shares a factor with a row's length would see some columns only.
    while math.gcd(step, math.prod(volume.shape[1:])) > 1:
        step += 1
    flat: Volume = volume.reshape(-1)[::step]
    return flat


def _standardise(
    volume: Volume, region: NDArray[np.bool_] | None, *, sign: int
) -> float:
    """Bring mean to 0 and standard deviation to 1 in place; sign -1 inverts.

    Returns what the volume was multiplied by.
    """
    mean, spread = mean_and_spread(volume, region)
    if spread <= 1e-6 * abs(mean) or spread == 0:
        raise ValueError(
            f"volume is constant: standard deviation {spread:g} at a mean of"
            f" {mean:g}; expected a reconstructed tomogram, check the file"
        )
    volume -= np.float32(mean)
    volume *= np.float32(sign / spread)
    return sign / spread
