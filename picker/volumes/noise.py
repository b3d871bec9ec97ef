"""A tomogram as it would be with more noise."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noisy_copy(
    volume: NDArray[np.floating[Any]], noise: float, name: str, number: int
) -> NDArray[np.float32]:
    """Return a normalised volume with white noise, normalised as every volume is.

    Parameters
    ----------
    volume
        `(z, y, x)` of standard deviation 1; left unchanged.
    noise
        Standard deviation of the noise.
    name, number
        The tomogram's, and the copy's: they decide the random numbers.
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), number])
    noisy = rng.standard_normal(volume.shape, np.float32)
    noisy *= noise
    noisy += volume
    # Spreads add up in squares; a network has never seen one that is not 1.
    noisy /= np.float32(math.hypot(1.0, noise))
    return noisy
