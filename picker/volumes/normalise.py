"""Volumes as files hold them to volumes that the network expects.

Afterwards particles are dark, the mean is 0 and the standard deviation 1. Nothing
here touches a file or changes its input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from picker.volumes.rescale import resampled, rescaling
from picker.volumes.spectrum import fourier_crop, whitened
from picker.volumes.statistics import (
    BLOCK,
    Limits,
    extremes,
    mean_and_spread,
    quantiles,
)

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from picker.config import PreprocessSettings
    from picker.volumes.spectrum import Whitening

    Volume = NDArray[np.float32]
    Region = NDArray[np.bool_] | None

STORED = np.dtype(np.float16)
"""Type in which normalised volumes are stored."""
MAX_STORED = float(np.finfo(STORED).max)
"""Largest normalised value that is stored [standard deviations]."""
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


@dataclass(frozen=True)
class Normalised:
    """A volume that is clipped and normalised when its slices are asked for.

    So nothing of its size is made on the way from a file to a file.

    Attributes
    ----------
    source
        `(z, y, x)` real numbers, in memory or mapped; they must not change.
    limits
        Where they are clipped; None: they are not.
    mean
        What is subtracted then.
    gain
        What they are multiplied by at last.
    """

    source: NDArray[Any]
    limits: Limits | None
    mean: float
    gain: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y and x."""
        z, y, x = self.source.shape
        return (z, y, x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its slices, which is stored."""
        return STORED

    def __getitem__(self, z: slice, /) -> NDArray[Any]:
        """Return some slices, `(z, y, x)`."""
        return self.slices(z, STORED)

    def slices(self, z: slice, dtype: DTypeLike) -> NDArray[Any]:
        """Return some slices, `(z, y, x)` of another type."""
        source = self.source[z]
        result = np.empty(source.shape, dtype)
        _, num, columns = source.shape
        rows = max(1, BLOCK // columns)
        for plane, into in zip(source, result, strict=True):
            for y in range(0, num, rows):
                into[y : y + rows] = self.of(plane[y : y + rows])
        return result

    def of(self, values: ArrayLike) -> Volume:
        """Return values of the source as they are when normalised."""
        result = np.array(values, np.float32)
        if self.limits:
            np.clip(result, *self.limits, out=result)
        result -= self.mean
        result *= self.gain
        return result


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
    return result.slices(slice(None), np.float32), voxel_size, warnings


def prepared_volume(
    volume: ArrayLike,
    voxel_size: float,
    settings: PreprocessSettings,
    region: NDArray[np.bool_] | None = None,
) -> tuple[Normalised, float, list[str], Linear]:
    """Return what `preprocess_volume` does, not computed yet, and what of it is linear.

    Arguments and errors as for that. No copy is made of a volume whose numbers float32
    holds, unless it is rescaled or whitened.
    """
    if not (math.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(
            f"voxel size is {voxel_size} Å, expected more than 0; set the voxel size"
            " in the tomogram table or tomograms.voxel_size"
        )
    ratio, warnings = rescaling(
        np.shape(volume), voxel_size, settings.target_voxel_size
    )
    given = source = _real(volume)
    ends = _finite_extremes(source)
    exponent = _to_safe_range(ends)
    if exponent:
        source = np.ldexp(np.asarray(source, np.float32), exponent)
    if ratio != 1:
        source = fourier_crop(np.asarray(source, np.float32), ratio)
        voxel_size = voxel_size * ratio.numerator / ratio.denominator
    if region is not None:
        region = resampled(region, source.shape, ratio)
    gain, whitening = 1.0, None
    if settings.whiten:
        # Else a few gold beads would decide what is amplified.
        limits = _limits(source, settings, region)
        even = _standardised(source, limits, None, sign=1)  # refuses a constant volume
        gain = even.gain
        source, whitening = whitened(even.slices(slice(None), np.float32))
    sign = -1 if settings.particles_are == "light" else 1
    limits = _limits(source, settings, region)
    result = _standardised(source, limits, region, sign=sign)
    if source is not given:
        ends = extremes(source)
    check_stored(
        result.of(ends), "normalised values", "set preprocess.clip: sigma, or "
    )
    linear = Linear(exponent, ratio, whitening, gain * result.gain)
    return result, voxel_size, warnings, linear


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
        return Limits(np.float32(mean - reach), np.float32(mean + reach))
    if settings.clip == "percentile":
        cut = quantiles(source, region, settings.clip_percentiles).astype(np.float32)
        return Limits(*cut)
    return None


def _standardised(
    source: NDArray[Any], limits: Limits | None, region: Region, *, sign: int
) -> Normalised:
    """Return a volume of mean 0 and standard deviation 1; sign -1 inverts it."""
    mean, spread = mean_and_spread(source, region, limits)
    if spread <= 1e-6 * abs(mean) or spread == 0:
        raise ValueError(
            f"volume is constant: standard deviation {spread:g} at a mean of"
            f" {mean:g}; expected a reconstructed tomogram, check the file"
        )
    return Normalised(source, limits, mean, sign / spread)
