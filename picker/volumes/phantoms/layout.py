"""Where in a phantom there is room for one more particle or membrane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_DISTANCE = 0.9
"""Least distance of two particles as a fraction of the sum of their radii."""


class Layout:
    """The particles and membranes placed so far; finds room for the next.

    Parameters
    ----------
    rng
        Draws the places that are tried.
    shape_zyx
        Size of what centres lie in [voxels].
    above
        Voxels before that along z, which no centre lies in.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        shape_zyx: tuple[int, int, int],
        above: int = 0,
    ) -> None:
        self.rng = rng
        self.first = np.array([above, 0, 0], np.float64)
        self.last = self.first + np.array(shape_zyx, np.float64) - 1
        self.centres = np.empty((0, 3))
        self.radii = np.empty(0)
        self.shells: list[tuple[NDArray[np.float64], float, float]] = []

    def add_shell(
        self, centre: NDArray[np.float64], radius: float, half: float
    ) -> None:
        """Keep a shell free of particles, `half` to either side of its radius [voxels].

        Parameters
        ----------
        centre
            `(3,)` index z, y, x [voxels].
        radius, half
            Of the shell's middle, and half of its thickness [voxels].
        """
        self.shells.append((centre, radius, half))

    def add_sphere(
        self, radius: float, near: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64] | None:
        """Return the `(3,)` index where a sphere fits, or None after many tries.

        The place is taken from then on. It lies beside `near` if there is room, else
        anywhere.

        Parameters
        ----------
        radius
            Of the sphere [voxels].
        near
            `(3,)` index of another sphere of this radius [voxels].
        """
        # Faces cut some particles, as lamellae do, but leave more than half of each.
        margin = np.minimum(0.6 * radius, (self.last - self.first) / 4)
        low, high = self.first + margin, self.last - margin
        tries = self.rng.uniform(low, high, size=(500, 3))
        if near is not None:
            direction = self.rng.normal(size=(200, 3))
            direction /= np.linalg.norm(direction, axis=1, keepdims=True)
            radii = self.rng.uniform(1.9, 3.0, size=(200, 1))
            beside = near + direction * radius * radii
            inside = ((beside >= low) & (beside <= high)).all(axis=1)
            tries = np.concatenate([beside[inside], tries])
        distances = np.sqrt(((tries[:, None] - self.centres) ** 2).sum(axis=2))
        free = (distances >= MIN_DISTANCE * (self.radii + radius)).all(axis=1)
        for centre, shell, half in self.shells:
            gap = np.abs(np.linalg.norm(tries - centre, axis=1) - shell)
            free &= gap >= MIN_DISTANCE * radius + half
        if not free.any():
            return None
        index: NDArray[np.float64] = tries[int(np.argmax(free))]
        self.centres = np.vstack([self.centres, index])
        self.radii = np.append(self.radii, radius)
        return index
