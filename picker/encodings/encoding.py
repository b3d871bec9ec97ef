"""The interface of encodings: particles to what a network learns, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class Encoding(Protocol):
    """An inverse pair; all indices are input voxels, fractional."""

    def target(
        self,
        index_zyx: NDArray[np.floating],
        particle: NDArray[np.integer],
        radius: NDArray[np.floating],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return what a network should answer for a patch.

        Parameters
        ----------
        index_zyx
            `(n, 3)` particle centres [input voxels]; may lie outside the patch.
        particle
            `(n,)` class numbers.
        radius
            `(class,)` of the particles [input voxels].
        shape_zyx
            Size of the patch [input voxels].
        stride
            R, input voxels per output voxel.

        Returns
        -------
        `(class, ⌈z/R⌉, ⌈y/R⌉, ⌈x/R⌉)` in [0, 1].
        """

    def particles(
        self,
        heatmap: Tensor,
        radius: NDArray[np.floating],
        min_score: float,
        stride: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the particles in a network's answer, best first.

        Parameters
        ----------
        heatmap
            `(class, z, y, x)` in [0, 1], on any device.
        radius
            `(class,)` of the particles [input voxels].
        min_score
            Those that score lower are left out.
        stride
            R, input voxels per output voxel.

        Returns
        -------
        `(n, 3)` positions [input voxels], `(n,)` class numbers, `(n,)` scores.
        """
