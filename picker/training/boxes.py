"""Boxes of one shape, anywhere in tomograms, turned and flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from picker.encodings.discs import slices_from
from picker.training.augment import apply_symmetry, random_symmetry
from picker.training.chunks import ChunkCache

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from picker.training.source import PatchSource, Voxels

    Symmetry = tuple[NDArray[np.bool_], int]

CACHED = 512 * 2**20
"""Size of the chunks that all loading processes together keep in memory [bytes]."""
MAX_DRAWS = 20
"""Number of tries to place a box that has a voxel in the region."""


class Box(NamedTuple):
    """A part of a volume, turned and flipped.

    Attributes
    ----------
    volume
        Its place in `Boxes.volumes`.
    corner
        First voxel, z, y, x.
    flips
        Which of z, y, x are flipped, after the turn.
    turns
        Quarter turns about z.
    """

    volume: int
    corner: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    turns: int


class Boxes:
    """Places boxes, and cuts them; recently used chunks stay in memory.

    Parameters
    ----------
    shape
        Of each box, z, y, x [voxels].
    stride
        Input voxels per voxel of the targets, by which regions are looked at.
    rotate
        Whether boxes are turned about z.
    around
        Neighbouring slices above and below each box that are cut with it; beyond a face
        of the volume it is the last slice again.

    Attributes
    ----------
    volumes
        `(z, y, x)` ones that boxes may lie in.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        stride: int,
        *,
        rotate: bool,
        around: int = 0,
    ) -> None:
        self.shape = shape
        self.stride = stride
        self.around = around
        self.rotate = rotate
        self.volumes: list[Voxels] = []
        self.cache = ChunkCache(CACHED)

    def add(self, volume: Voxels) -> None:
        """Let boxes lie in a volume too."""
        self.volumes.append(volume)

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

    def box(self, volume: Voxels, corner: NDArray[np.int64], symmetry: Symmetry) -> Box:
        """Return a box of one of the volumes."""
        number = next(i for i, one in enumerate(self.volumes) if one is volume)
        flips, turns = symmetry
        (z, y, x), (flip_z, flip_y, flip_x) = corner.tolist(), flips.tolist()
        return Box(number, (z, y, x), (flip_z, flip_y, flip_x), turns)

    def slices(self, box: Box, depth: int) -> list[int]:
        """Return the numbers of its slices in a volume of so many."""
        number = self.shape[0] + 2 * self.around
        return slices_from(box.corner[0] - self.around, number, depth)

    def cut(self, box: Box) -> Tensor:
        """Return its `(1, z, y, x)` voxels, on the CPU."""
        volume = self.volumes[box.volume]
        index = self.slices(box, volume.shape[0])
        low, high = index[0], index[-1] + 1
        voxels = self.cache.box(
            volume,
            np.array([low, *box.corner[1:]]),
            (high - low, *self.shape[1:]),
        )
        if high - low < len(index):
            voxels = voxels[np.array(index) - low]
        return torch.from_numpy(apply_symmetry(voxels, box.flips, box.turns))[None]
