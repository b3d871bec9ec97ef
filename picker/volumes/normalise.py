"""Volumes as files hold them to volumes that the network expects.

Afterwards particles are dark, the mean is 0 and the standard deviation 1. Nothing
here touches a file or changes its input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.volumes.equalise import Equalising, equalised
from picker.volumes.rescale import resampled, rescaling
from picker.volumes.spectrum import whitened
from picker.volumes.statistics import Limits, extremes, mean_and_spread, quantiles
from picker.volumes.steps import (
    STORED,
    Normalised,
    Scaling,
    Steps,
    rescaled,
    smoothed,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from picker.config import PreprocessSettings

    Volume = NDArray[np.float32]
    Region = NDArray[np.bool_] | None

MAX_STORED = float(np.finfo(STORED).max)
"""Largest normalised value that is stored [standard deviations]."""
SAFE_RANGE = (1e-15, 1e15)
"""If a volume's largest value is in this range, float32 holds its squares and sums."""


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
    return result.part(slice(None), np.float32), voxel_size, warnings


def prepared_volume(
    volume: ArrayLike,
    voxel_size: float,
    settings: PreprocessSettings,
    region: NDArray[np.bool_] | None = None,
) -> tuple[Normalised, float, list[str], Steps]:
    """Return what `preprocess_volume` does, not computed yet, and how it is made again.

    Arguments and errors as for that. No copy is made of a volume whose numbers float32
    holds, unless it is rescaled, whitened, smoothed or equalised.
    """
    if not (math.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(
            f"voxel size is {voxel_size} Å, expected more than 0; set the voxel size"
            " in the tomogram table or tomograms.voxel_size"
        )
    ratio, warnings = rescaling(
        np.shape(volume), voxel_size, settings.target_voxel_size
    )
    given = _real(volume)
    ends = _finite_extremes(given)
    exponent = _to_safe_range(ends)
    source = rescaled(given, exponent, ratio)
    if ratio != 1:
        voxel_size = voxel_size * ratio.numerator / ratio.denominator
    if region is not None:
        region = resampled(region, source.shape, ratio)
    before, whitening, equalising = None, None, None
    smooth = settings.smooth / voxel_size
    if settings.whiten or smooth or settings.equalise:
        # Else a few gold beads would decide what is amplified, or spread.
        limits = _limits(source, settings, region)
        before = _scaling(source, limits, None, sign=1)  # refuses a constant volume
        clipped = Normalised(source, before)
        if settings.whiten:
            source, whitening = whitened(clipped.slices(), clipped.shape)
        else:
            source = clipped.part(slice(None), np.float32)
        source = smoothed(source, smooth)
    if settings.equalise:
        equalising = _equalising(source, settings, region)
        source = equalised(source[0], equalising)[None]
    sign = -1 if settings.particles_are == "light" else 1
    limits = _limits(source, settings, region)
    last = _scaling(source, limits, region, sign=sign)
    if source is not given:
        ends = extremes(source)
    check_stored(last.of(ends), "normalised values", "set preprocess.clip: sigma, or ")
    steps = Steps(
        exponent=exponent,
        ratio=(ratio.numerator, ratio.denominator),
        before=before,
        whitening=whitening,
        last=last,
        smooth=smooth,
        equalising=equalising,
    )
    return Normalised(source, last), voxel_size, warnings, steps


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


def _real(volume: ArrayLike) -> NDArray[Any]:
    """Return a volume in its own type if float32 holds its numbers, else in float32."""
    array = np.asarray(volume)
    if array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"volume has shape {array.shape}, expected three axes z, y, x;"
            " give a single volume, not a stack or an image"
        )
    return array if np.can_cast(array.dtype, np.float32) else array.astype(np.float32)


def _finite_extremes(volume: NDArray[Any]) -> tuple[float, float]:
    """Return the least and greatest value; refuse voxels that are not finite."""
    ends = extremes(volume)
    if not np.isfinite(ends).all():
        bad = sum(int(part.size - np.isfinite(part).sum()) for part in volume)
        raise ValueError(
            f"volume has {bad} of {volume.size} voxels that are not finite numbers,"
            " expected none; reconstruct it again or replace them by the mean"
        )
    return ends


def _to_safe_range(ends: tuple[float, float]) -> int:
    """Return 0, or the exponent of a factor by which float32 holds squares and sums.

    A volume of values near 1e-38 would become NaN. The factor is a power of two, which
    loses no digit.
    """
    largest = max(map(abs, ends))
    if largest == 0 or SAFE_RANGE[0] <= largest <= SAFE_RANGE[1]:
        return 0
    return -math.frexp(largest)[1]


def _limits(
    source: NDArray[Any], settings: PreprocessSettings, region: Region
) -> Limits | None:
    """Return where outliers are cut."""
    if settings.clip == "sigma":
        mean, spread = mean_and_spread(source, region)
        reach = settings.clip_sigma * spread
        return Limits.of(mean - reach, mean + reach)
    if settings.clip == "percentile":
        return Limits.of(*quantiles(source, region, settings.clip_percentiles))
    return None


def _equalising(
    source: NDArray[Any], settings: PreprocessSettings, region: Region
) -> Equalising:
    """Return how contrast is evened out, from the least to the greatest value.

    Raises
    ------
    ValueError
        If it is no micrograph.
    """
    if len(source) > 1:
        raise ValueError(
            f"volume has {len(source)} slices, but preprocess.equalise evens out"
            " micrographs, which have one; set it to false"
        )
    low, high = _limits(source, settings, region) or extremes(source)
    return Equalising(
        low=float(low),
        high=float(high),
        tiles=settings.equalise_tiles,
        clip=settings.equalise_clip,
    )


def _scaling(
    source: NDArray[Any], limits: Limits | None, region: Region, *, sign: int
) -> Scaling:
    """Return what gives mean 0 and standard deviation 1; sign -1 inverts, too."""
    mean, spread = mean_and_spread(source, region, limits)
    if spread <= 1e-6 * abs(mean) or spread == 0:
        raise ValueError(
            f"volume is constant: standard deviation {spread:g} at a mean of"
            f" {mean:g}; expected a reconstructed tomogram, check the file"
        )
    return Scaling(limits=limits, mean=mean, gain=sign / spread)
