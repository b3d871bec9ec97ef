"""Volumes as they came to volumes that the network expects.

Afterwards particles are dark, the mean is 0 and the standard deviation 1. Nothing
here touches a file or changes the volume it was given.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from picker.volumes.spectrum import fourier_crop, whitened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from picker.config import PreprocessSettings

    Volume = NDArray[np.float32]

SAME_VOXEL_SIZE = 1e-3
"""Voxel sizes this close, relative, are the same."""
TARGET_TOLERANCE = 3e-3
"""How near a rescaled voxel size comes to its target, relative."""
NEARLY_SAME_VOXEL_SIZE = 1e-2
"""Voxel sizes this close, relative, are not worth rescaling."""
MAX_QUANTILE_VOXELS = 4_000_000
"""Percentiles of larger volumes are taken from this many voxels, evenly spread."""
LARGEST = float(np.finfo(np.float16).max)
"""Of the normalised values, which are stored as float16 [standard deviations]."""
USUAL = (1e-15, 1e15)
"""Between these a volume's largest value lets float32 hold its squares and sums."""
MIN_CONTRAST_PICKS = 5
"""With fewer picks than this nothing can be said about contrast."""
MIN_CONTRAST_Z = 3.0
"""Standard errors by which contrast must be wrong before it is worth a warning."""


def preprocess_volume(
    volume: ArrayLike,
    voxel_size: float,
    settings: PreprocessSettings,
    region: NDArray[np.bool_] | None = None,
) -> tuple[Volume, float, list[str]]:
    """Return a rescaled, whitened, clipped, normalised volume with dark particles.

    Parameters
    ----------
    volume
        `(z, y, x)` density of any number type, in memory or lazy; left unchanged.
        One float32 copy is made of it, and nothing else of its size unless the
        volume is rescaled or whitened.
    voxel_size
        Edge of one voxel [Å].
    settings
        Clipping, target voxel size [Å] and contrast of the particles as they came.
    region
        As `volume`; the voxels whose mean, spread and percentiles count, such as the
        lamella without the void around it. None: all.

    Returns
    -------
    `(z, y, x)` float32 volume of mean 0 and standard deviation 1 in the region; its
    voxel size [Å], changed only by rescaling; what the user should know, each as a
    sentence. Positions [Å] hold for both volumes: index 0 is at 0 Å in each.

    Raises
    ------
    ValueError
        If the volume is not three-dimensional, has voxels that are not finite or all
        equal, is normalised to more than float16 holds, or would have to be rescaled to
        smaller voxels.

    Source: clip at 3 standard deviations, then normalise again: M. R. Uddin et al.,
    TomoPicker: Annotation-Efficient Particle Picking in cryo-electron Tomograms.
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
    # Rescaling makes a new volume anyhow; all else works in place and needs a copy.
    result: Volume = (
        np.array(volume, np.float32) if ratio == 1 else np.asarray(volume, np.float32)
    )
    if result.ndim != 3 or result.size == 0:
        raise ValueError(
            f"volume has shape {result.shape}, expected three axes z, y, x;"
            " give a single volume, not a stack or an image"
        )
    _check_finite(result)
    result = _in_range(result)
    result = fourier_crop(result, ratio)
    if settings.whiten:
        _standardise(result, None, sign=1)  # refuses a constant volume
        result = whitened(result)
    voxel_size = voxel_size * ratio.numerator / ratio.denominator
    if region is not None:
        region = _resampled(region, result.shape, ratio)
    _clip(result, settings, region)
    sign = -1 if settings.particles_are == "light" else 1
    _standardise(result, region, sign=sign)
    largest = max(float(result.max()), -float(result.min()))
    if not largest <= LARGEST:
        raise ValueError(
            f"normalised values reach {largest:.3g} standard deviations, expected at"
            f" most {LARGEST:g}, which the stored numbers hold; set preprocess.clip:"
            " sigma, or fix what is so far from all else in the volume"
        )
    return result, voxel_size, warnings


def check_contrast(
    volume: NDArray[np.floating],
    index_zyx: NDArray[np.floating],
    radius: NDArray[np.floating] | float,
    particles_are: Literal["dark", "light"] = "dark",
) -> str | None:
    """Return a warning if known particles are not as dark or light as settings say.

    The mean density within a radius of each pick is held against that of the shell
    from 1.2 to 1.7 radii. The whole particle counts, not its core alone, as hollow
    ones have solvent at their centre.

    Parameters
    ----------
    volume
        `(z, y, x)` density as it came, before `preprocess_volume`; array or lazy.
    index_zyx
        `(n, 3)` fractional voxel indices of known particles.
    radius
        `(n,)` or one for all; radii [voxels].
    particles_are
        What `preprocess.particles_are` says.

    Returns
    -------
    None where the setting holds, where it is not clear, and with fewer than five
    picks in the volume.
    """
    centres = np.asarray(index_zyx, np.float64).reshape(-1, 3)
    radii = np.broadcast_to(np.asarray(radius, np.float64), len(centres))
    found = (_contrast(volume, c, r) for c, r in zip(centres, radii, strict=True))
    contrasts = np.array([c for c in found if c is not None])
    if len(contrasts) < MIN_CONTRAST_PICKS:
        return None
    wrong = contrasts if particles_are == "dark" else -contrasts
    mean, error = float(wrong.mean()), float(wrong.std(ddof=1)) / len(wrong) ** 0.5
    if mean <= MIN_CONTRAST_Z * error:
        return None
    other = "light" if particles_are == "dark" else "dark"
    return (
        f"particles are {other}er than their surroundings at {len(wrong)} known picks"
        f" (mean difference {mean:.3g}, standard error {error:.2g}), but"
        f" preprocess.particles_are is {particles_are}; look at a slice, and if it is"
        f" so set preprocess.particles_are: {other}"
    )


def _check_extent(shape: tuple[int, ...], voxel_size: float, target: float) -> None:
    """Refuse voxels that are larger than the volume."""
    least = min(shape, default=0) * voxel_size
    if target > least:
        raise ValueError(
            f"preprocess.target_voxel_size is {target:g} Å, and the volume's shortest"
            f" axis {least:g} Å; expected voxels of which it has many, lower it"
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
    # The smallest numbers that come near enough need the least padding; a size that
    # is not met to the digit does no harm, as the size that came out is passed on.
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


def _in_range(volume: Volume) -> Volume:
    """Return the volume, or a multiple if float32 could not hold what is made of it.

    A volume of some 1e-38 would become NaN. A power of two loses no digit.
    """
    largest = max(abs(float(volume.max())), abs(float(volume.min())))
    if largest == 0 or USUAL[0] <= largest <= USUAL[1]:
        return volume
    return np.ldexp(volume, -math.frexp(largest)[1])


def _resampled(
    region: NDArray[np.bool_], shape: tuple[int, ...], ratio: Fraction
) -> NDArray[np.bool_]:
    """Return the region on a grid of voxels `ratio` times as large."""
    z, y, x = (
        np.minimum(np.round(np.arange(new) * float(ratio)).astype(int), old - 1)
        for new, old in zip(shape, region.shape, strict=True)
    )
    return region[np.ix_(z, y, x)]


def _slices(volume: Volume, region: NDArray[np.bool_] | None) -> Iterator[Volume]:
    """Yield the voxels that count, slice by slice to spare memory."""
    if region is None:
        yield from volume
    else:
        yield from (part[inside] for part, inside in zip(volume, region, strict=True))


def _mean_and_spread(
    volume: Volume, region: NDArray[np.bool_] | None
) -> tuple[float, float]:
    """Return mean and standard deviation."""
    number = volume.size if region is None else int(region.sum())
    if number == 0:
        raise ValueError("region has no voxel; expected some above 0, check the mask")
    total = sum(float(p.sum(dtype=np.float64)) for p in _slices(volume, region))
    mean = total / number
    square = sum(
        float(((part.astype(np.float64) - mean) ** 2).sum())
        for part in _slices(volume, region)
    )
    return mean, math.sqrt(square / number)


def _clip(
    volume: Volume, settings: PreprocessSettings, region: NDArray[np.bool_] | None
) -> None:
    """Cut outliers in place."""
    if settings.clip == "sigma":
        mean, spread = _mean_and_spread(volume, region)
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
) -> None:
    """Bring mean to 0 and standard deviation to 1 in place; sign -1 inverts."""
    mean, spread = _mean_and_spread(volume, region)
    if spread <= 1e-6 * abs(mean) or spread == 0:
        raise ValueError(
            f"volume is constant: standard deviation {spread:g} at a mean of"
            f" {mean:g}; expected a reconstructed tomogram, check the file"
        )
    volume -= np.float32(mean)
    volume *= np.float32(sign / spread)


def _contrast(
    volume: NDArray[np.floating], centre: NDArray[np.float64], radius: float
) -> float | None:
    """Return mean density inside a particle minus that around it, None if cut off."""
    first = np.maximum(np.floor(centre - 1.7 * radius), 0).astype(int)
    stop = np.minimum(np.ceil(centre + 1.7 * radius) + 1, volume.shape).astype(int)
    if (stop <= first).any():
        return None
    where = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    box = np.asarray(volume[where], np.float64)
    z, y, x = np.ogrid[where]
    far = np.sqrt(
        (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    ) / max(radius, 1.0)
    inside, around = box[far <= 1.0], box[(far >= 1.2) & (far <= 1.7)]
    if inside.size == 0 or around.size == 0:
        return None
    contrast = float(inside.mean() - around.mean())
    return contrast if math.isfinite(contrast) else None
