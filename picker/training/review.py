"""Single places of a tomogram that somebody has judged, and what lies near to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Places(NamedTuple):
    """Where particles of known classes are, or are not.

    Attributes
    ----------
    index_zyx
        `(n, 3)` centres [voxels].
    particle
        `(n,)` class numbers.
    """

    index_zyx: NDArray[np.float64]
    particle: NDArray[np.int64]

    def of(self, particle: int) -> Places:
        """Return those of one class."""
        which = self.particle == particle
        return Places(self.index_zyx[which], self.particle[which])


class Review(NamedTuple):
    """What somebody said of single places in a tomogram, besides its particles.

    Attributes
    ----------
    wrong
        Where no particle of the class is.
    unjudged
        What has been picked near an answer, and nobody said anything of.
    """

    wrong: Places
    unjudged: Places


def near(
    places: Places,
    radius: NDArray[np.float64],
    corner_zyx: NDArray[np.int64],
    shape_zyx: tuple[int, int, int],
    stride: int,
) -> NDArray[np.float32]:
    """Return where a patch is within the radius of one of the places, 1 there, else 0.

    Parameters
    ----------
    places
        Of the tomogram, each with a radius of its class.
    radius
        `(class,)` [voxels].
    corner_zyx
        `(3,)` first voxel of the patch.
    shape_zyx
        Of the patch [voxels].
    stride
        R, input voxels per voxel of the result.

    Returns
    -------
    `(z/R, y/R, x/R)`.
    """
    size = [edge // stride for edge in shape_zyx]
    found = np.zeros(size, np.float32)
    for index, particle in zip(places.index_zyx, places.particle, strict=True):
        centre = (index - corner_zyx - (stride - 1) / 2) / stride
        reach = radius[particle] / stride
        low = np.maximum(np.ceil(centre - reach), 0).astype(int)
        high = np.minimum(np.floor(centre + reach) + 1, size).astype(int)
        if (low >= high).any():
            continue
        z, y, x = (
            (np.arange(a, b) - c) ** 2
            for a, b, c in zip(low, high, centre, strict=True)
        )
        ball = z[:, None, None] + y[:, None] + x <= reach**2
        found[tuple(slice(a, b) for a, b in zip(low, high, strict=True))][ball] = 1
    return found
