"""Whether known particles are as dark or light as the settings say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_PICKS = 5
"""With fewer picks than this their mean contrast says nothing."""
MIN_Z = 3.0
"""Standard errors by which contrast must be wrong before it is worth a warning."""


def check_contrast(
    volume: NDArray[np.floating],
    index_zyx: NDArray[np.floating],
    radius: NDArray[np.floating] | float,
    particles_are: Literal["dark", "light"] = "dark",
) -> str | None:
    """Return a warning if known particles are not as dark or light as settings say.

    The mean density within a radius of each pick is compared with that of the shell
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
    None if the setting holds, if it is not clear, or if the volume has fewer than five
    picks.
    """
    centres = np.asarray(index_zyx, np.float64).reshape(-1, 3)
    radii = np.broadcast_to(np.asarray(radius, np.float64), len(centres))
    found = (_contrast(volume, c, r) for c, r in zip(centres, radii, strict=True))
    contrasts = np.array([c for c in found if c is not None])
    if len(contrasts) < MIN_PICKS:
        return None
    wrong = contrasts if particles_are == "dark" else -contrasts
    mean, error = float(wrong.mean()), float(wrong.std(ddof=1)) / len(wrong) ** 0.5
    if mean <= MIN_Z * error:
        return None
    other = "light" if particles_are == "dark" else "dark"
    return (
        f"particles are {other}er than their surroundings at {len(wrong)} known picks"
        f" (mean difference {mean:.3g}, standard error {error:.2g}), but"
        f" preprocess.particles_are is {particles_are}; look at a slice, and if they"
        f" are {other} set preprocess.particles_are: {other}"
    )


def _contrast(
    volume: NDArray[np.floating], centre: NDArray[np.float64], radius: float
) -> float | None:
    """Return mean density inside a particle minus that around it.

    None if one of the two has no voxel in the volume, or holds NaN.
    """
    start = np.maximum(np.floor(centre - 1.7 * radius), 0).astype(int)
    stop = np.minimum(np.ceil(centre + 1.7 * radius) + 1, volume.shape).astype(int)
    if (stop <= start).any():
        return None
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    density = np.asarray(volume[box], np.float64)
    z, y, x = np.ogrid[box]
    distance = np.sqrt(
        (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    ) / max(radius, 1.0)
    inside = density[distance <= 1.0]
    around = density[(distance >= 1.2) & (distance <= 1.7)]
    if inside.size == 0 or around.size == 0:
        return None
    contrast = float(inside.mean() - around.mean())
    return contrast if math.isfinite(contrast) else None
