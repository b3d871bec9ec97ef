"""Halves of a tomogram: reconstructions of even and odd frames, of independent noise.

Both show the same particles. With the noise that is stored, (even − odd) / 2, the even
half is the volume plus it and the odd half the volume minus it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Volume = NDArray[np.float32]


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
