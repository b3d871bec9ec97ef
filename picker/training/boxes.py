"""Boxes of one shape, cut from tomograms anywhere, turned and flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.training.augment import apply_symmetry, random_symmetry
from picker.training.chunks import ChunkCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from picker.training.source import PatchSource, Voxels

    Box = NDArray[np.float32]
    Symmetry = tuple[NDArray[np.bool_], int]

CACHED = 512 * 2**20
"""Size of the chunks that all loading processes together keep in memory [bytes]."""
MAX_DRAWS = 20
"""Number of tries to place a box that has a voxel in the region."""


class Boxes:
    """Cuts boxes; recently used chunks stay in memory.

    Parameters
    ----------
    shape
        Of each box, z, y, x [voxels].
    stride
        Input voxels per voxel of the targets, by which regions are looked at.
    rotate
        Whether boxes are turned about z.
    """

    def __init__(self, shape: tuple[int, int, int], stride: int, *, rotate: bool):
        self.shape = shape
        self.stride = stride
        self.rotate = rotate
        self.cache = ChunkCache(CACHED)

    def anywhere(
        self, source: PatchSource, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return the first voxel of a box anywhere, not all outside the region."""
        for _ in range(MAX_DRAWS):
            corner = source.corner(rng.random(3) * source.volume.shape, self.shape)
            if source.known(corner, self.shape, self.stride).any():
                break
        return corner

    def symmetry(self, rng: np.random.Generator) -> Symmetry:
        """Return how to turn and flip a box, drawn at random."""
        return random_symmetry(rng, self.shape[1] == self.shape[2], self.rotate)

    def cut(
        self,
        volume: Voxels,
        corner: NDArray[np.int64],
        symmetry: Symmetry,
    ) -> Box:
        """Return the `(z, y, x)` voxels at a corner, turned and flipped."""
        return apply_symmetry(self.cache.box(volume, corner, self.shape), *symmetry)
