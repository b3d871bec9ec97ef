"""How much darker a candidate is than what is around it, and those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from picker.core.picks import concatenate
from picker.core.tomogram import index_from_position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from picker.config import ContrastSettings, Particle
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram

SHELL = (1.2, 1.7)
"""Radii between which the surroundings of a particle lie."""


def with_contrast(
    picks: Picks,
    particles: Iterable[Particle],
    settings: ContrastSettings,
    tomogram: Tomogram,
) -> Picks:
    """Return the picks whose contrast is high enough, class by class.

    Parameters
    ----------
    picks
        Candidates or picks of one tomogram [Å].
    particles
        Classes; picks of other classes are dropped.
    settings
        Least contrasts. Classes without one are not checked.
    tomogram
        Normalised, with dark particles.

    Source: report on the CZII challenge 2025, algorithm 3, there against the whole
    tomogram.
    """
    kept = []
    for particle in particles:
        ours = picks.of(particle.name)
        least = settings.least.get(particle.name)
        if least is not None:
            is_local = settings.against == "shell"
            found = contrast(ours.position_zyx, particle.radius, tomogram, is_local)
            # What cannot be told is no reason to drop a pick.
            ours = ours.select(~(found < least))
        kept.append(ours)
    return concatenate(kept)


def contrast(
    position_zyx: NDArray[np.floating],
    radius: float,
    tomogram: Tomogram,
    is_local: bool = True,
) -> NDArray[np.float64]:
    """Return `(n,)` how much darker positions are than what is around them.

    In standard deviations of a normalised tomogram, whose mean is 0; NaN where the ball
    or the shell has no voxel.

    Parameters
    ----------
    position_zyx
        `(n, 3)` positions [Å].
    radius
        Of the particles [Å].
    tomogram
        Normalised, with dark particles.
    is_local
        Whether the shell is what is around, or else the whole tomogram.
    """
    centres = index_from_position(position_zyx, tomogram.voxel_size).reshape(-1, 3)
    # Smaller balls would fall between voxels.
    reach = max(radius / tomogram.voxel_size, 1.0)
    found = [_contrast(tomogram.volume, one, reach, is_local) for one in centres]
    return np.array(found, np.float64)


def _contrast(
    volume: NDArray[Any], centre: NDArray[np.float64], radius: float, is_local: bool
) -> float:
    """Return the contrast of one place; lengths in voxels."""
    far = radius * (SHELL[1] if is_local else 1.0)
    low = np.maximum(np.ceil(centre - far), 0).astype(int)
    high = np.minimum(np.floor(centre + far) + 1, volume.shape).astype(int)
    box = tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))
    z, y, x = np.ogrid[box]
    square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    density = np.asarray(volume[box], np.float32)
    inside = density[square <= radius**2]
    around = density[
        (square >= (SHELL[0] * radius) ** 2) & (square <= (SHELL[1] * radius) ** 2)
    ]
    if not len(inside) or (is_local and not len(around)):
        return float("nan")
    return float((around.mean() if is_local else 0.0) - inside.mean())
