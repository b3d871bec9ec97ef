"""Halves of a tomogram: reconstructions of even and odd frames, of independent noise.

Both show the same particles. With the noise that is stored, (even − odd) / 2, the even
half is the volume plus it and the odd half the volume minus it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.volumes.normalise import check_stored
from picker.volumes.rescale import resampled
from picker.volumes.statistics import mean_and_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.volumes.steps import Steps

    Volume = NDArray[np.float32]

NOT_HALVES = 0.5
"""Correlation of a tomogram with the mean of its halves, below which they are not."""
FILTERED = 0.95
"""The same, below which the tomogram was filtered otherwise than they were."""


def half(
    volume: NDArray[Any], noise: NDArray[Any], noise_spread: float, sign: float
) -> Volume:
    """Return a half of a normalised volume, normalised again.

    Parameters
    ----------
    volume
        `(z, y, x)` of mean 0 and standard deviation 1, or a part of it.
    noise
        As `volume`: (even − odd) / 2 in the volume's units.
    noise_spread
        The noise's standard deviation in the whole tomogram.
    sign
        1: the even half, −1: the odd one. Between them lies the mixture of both in
        which the even half has the weight (1 + sign) / 2.
    """
    # The halves' noise is as strong in both, so that their mean is independent of it.
    spread = math.hypot(1, sign * noise_spread)
    mixed = volume + np.float32(sign) * noise
    return np.asarray(mixed * np.float32(1 / spread), np.float32)


def noise_of_halves(
    volume: Volume, even: Volume, odd: Volume, region: NDArray[np.bool_] | None = None
) -> tuple[Volume, float, float]:
    """Return (even − odd) / 2 in the units of the tomogram, and how well they agree.

    Some programs write the tomogram as the sum of its halves: their mean is brought to
    its scale by least squares. That scale is too low if the tomogram was denoised.

    Parameters
    ----------
    volume, even, odd
        `(z, y, x)` of the tomogram and its halves, as files hold them. Even is
        overwritten with the result.
    region
        Shaped as they are; true for the voxels that count. None: all.

    Returns
    -------
    Noise; correlation of the tomogram with the mean of its halves; the scale.

    Raises
    ------
    ValueError
        If the halves do not differ, or their mean is something else than the tomogram.
    """
    correlation, scale = _agreement(volume, even, odd, region)
    even -= odd
    mean, spread = mean_and_spread(even, region)
    if spread <= 1e-6 * abs(mean):
        raise ValueError(
            "the halves do not differ, their noise is 0; expected reconstructions of"
            " the even and of the odd frames, fix the columns even and odd"
        )
    if not correlation >= NOT_HALVES:
        raise ValueError(
            f"the tomogram and the mean of its halves correlate by {correlation:.2f};"
            f" expected at least {NOT_HALVES}. They are another tomogram's halves or"
            " their contrast is inverted; fix the columns even and odd"
        )
    even *= np.float32(scale / 2)
    return even, correlation, scale


def preprocess_noise(
    noise: Volume, steps: Steps, region: NDArray[np.bool_] | None = None
) -> tuple[Volume, float, float]:
    """Return noise as it is in the preprocessed volume, its spread and what it lost.

    All that is linear is done to it: it is rescaled, filtered and inverted, and not
    clipped. What its mean is not 0 by is no noise, and is subtracted.

    Parameters
    ----------
    noise
        `(z, y, x)` in the units of the file; may be overwritten.
    steps
        What was done to the volume.
    region
        Shaped as `noise`, true for the voxels whose mean and spread count. None: all.

    Returns
    -------
    `(z, y, x)` in the units of the preprocessed volume; its standard deviation; the
    mean that was subtracted.

    Raises
    ------
    ValueError
        If a value is too large to be stored.
    """
    result = steps.of_noise(noise)
    if region is not None:
        region = resampled(region, result.shape, Fraction(*steps.ratio))
    mean, spread = mean_and_spread(result, region)
    result -= np.float32(mean)
    check_stored(result, "the halves' differences")
    return result, spread, mean


def made_noise(
    even: Volume, odd: Volume, scale: float, steps: Steps, mean: float
) -> NDArray[np.float16]:
    """Return noise as the two functions above made it, in the type that is stored.

    Parameters
    ----------
    even, odd
        `(z, y, x)` as files hold them. Even may be overwritten.
    scale, steps, mean
        What these returned, and what was done to the volume.
    """
    even -= odd
    even *= np.float32(scale / 2)
    result = steps.of_noise(even)
    result -= np.float32(mean)
    return result.astype(np.float16)


def _agreement(
    volume: Volume, even: Volume, odd: Volume, region: NDArray[np.bool_] | None
) -> tuple[float, float]:
    """Return how a volume correlates with its halves' mean, and its scale over that.

    Slice by slice, as more copies of a tomogram would take too much memory.
    """
    number, sums, squares = 0, np.zeros(2), np.zeros((2, 2))
    for moment in (1, 2):
        for z, whole in enumerate(volume):
            inside = slice(None) if region is None else region[z]
            pair = np.stack([whole, np.float64(0.5) * even[z] + 0.5 * odd[z]])
            pair = pair[:, inside].reshape(2, -1)
            if moment == 1:
                number += pair.shape[1]
                sums += pair.sum(axis=1)
            else:
                pair -= sums[:, None] / number
                squares += pair @ pair.T
    (of_volume, both), (_, of_mean) = squares
    if of_volume == 0 or of_mean == 0:
        return 0.0, 1.0
    # Roots apart: the product of tiny numbers would be 0.
    return both / math.sqrt(of_volume) / math.sqrt(of_mean), both / of_mean
