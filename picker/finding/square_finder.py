"""A micrograph to candidates by a detection transformer, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from picker.core.picks import Picks
from picker.core.tomogram import position_from_index
from picker.encodings.balls import first_within
from picker.encodings.squares import particles_from_squares
from picker.finding.candidates import HIGHEST
from picker.finding.finder import CPU, Finder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.finding.finder import Volume
    from picker.networks.detr.transformer import DetectionTransformer

    Found = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A tile along one axis [pixels]: it starts at `start`, `first` to `last` count."""

    start: int
    first: float
    last: float


def tiles(size: int, edge: int, overlap: int) -> list[Tile]:
    """Return the fewest tiles that cover an axis, evenly apart.

    Parameters
    ----------
    size
        Of the axis [pixels].
    edge
        Of a tile; the last one reaches beyond an axis that is shorter.
    overlap
        Least number of pixels that neighbours share. The middle of what they share is
        where one ends and the other begins.

    Raises
    ------
    ValueError
        If the overlap is more than half of a tile.
    """
    if 2 * overlap > edge:
        raise ValueError(
            f"tiles of {edge} pixels cannot share {overlap}; expected at most half of"
            " an edge, train with larger patches or make the voxels larger"
        )
    number = max(1, -(-(size - overlap) // (edge - overlap)))
    starts = np.round(np.linspace(0, max(0, size - edge), number)).astype(int)
    cuts = (starts[1:] + starts[:-1] + edge) / 2
    borders = [-np.inf, *cuts.tolist(), np.inf]
    return [
        Tile(start=int(start), first=first, last=last)
        for start, (first, last) in zip(starts, pairwise(borders), strict=True)
    ]


@dataclass(kw_only=True)
class SquareFinder(Finder):
    """A detection transformer that is run over a micrograph in overlapping tiles.

    Attributes
    ----------
    model
        In `eval` mode, on `device`.
    particles
        The model's classes.
    edge
        Of the patches that it was trained with [pixels]: squares are fractions of it.
    min_score
        Candidates that score lower are left out.
    device
        Where the model is.
    """

    model: DetectionTransformer
    particles: tuple[Particle, ...]
    edge: int
    min_score: float
    device: torch.device = CPU

    @torch.inference_mode()
    def candidates(
        self,
        volume: Volume,
        voxel_size: float,
        region: NDArray[np.bool_] | None = None,
    ) -> Picks:
        """Return every candidate [Å], z 0, best first; the region is not needed.

        Tiles share as much as the largest particle's diameter, so that each particle
        is seen as a whole by the tile in which its centre counts.

        Raises
        ------
        ValueError
            If the volume has more than one slice, or particles are too large for tiles.
        """
        del region
        depth, *across = volume.shape
        if depth != 1:
            raise ValueError(
                f"a volume has {depth} slices; expected a micrograph, which has one:"
                " squares on slices are not linked to particles"
            )
        radius = np.array([p.radius for p in self.particles]) / voxel_size
        overlap = int(np.ceil(2 * radius.max()))
        image = torch.as_tensor(volume[:], dtype=torch.float32)[None]
        missing = [max(0, self.edge - size) for size in across]
        beyond = [0, missing[1], 0, missing[0]]
        # By the last pixel: nothing else would look like background.
        image = functional.pad(image, beyond, mode="replicate").to(self.device)
        parts = [
            self._in_tile(image, y, x, radius)
            for y, x in product(*(tiles(size, self.edge, overlap) for size in across))
        ]
        index, number, score = (np.concatenate(p) for p in zip(*parts, strict=True))
        index = np.clip(index, 0, np.array(across) - 1)
        kept = _once(index, number, score, radius)
        zyx = np.column_stack([np.zeros(len(kept)), index[kept]])
        names = np.array([p.name for p in self.particles], np.str_)
        return Picks(
            position_zyx=position_from_index(zyx, voxel_size),
            particle=names[number[kept]],
            score=np.minimum(score[kept], HIGHEST),
        )

    def _in_tile(
        self, image: torch.Tensor, y: Tile, x: Tile, radius: NDArray[np.float64]
    ) -> Found:
        """Return what counts of a tile: `(n, 2)` centres, classes and scores."""
        edge = self.edge
        patch = image[..., y.start : y.start + edge, x.start : x.start + edge]
        logits, squares = self.model(patch).found
        index, number, score = particles_from_squares(
            logits[-1, 0], squares[-1, 0], radius, edge, self.min_score
        )
        index += [y.start, x.start]
        low, high = [y.first, x.first], [y.last, x.last]
        counts = ((index >= low) & (index < high)).all(axis=1)
        return index[counts], number[counts], score[counts]


def _once(
    index: NDArray[np.float64],
    number: NDArray[np.int64],
    score: NDArray[np.float32],
    radius: NDArray[np.float64],
) -> NDArray[np.intp]:
    """Return the best of each class within a radius, best first.

    Two tiles may see one particle on either side of where they meet.
    """
    order = np.argsort(-score, kind="stable")
    parts = []
    for kind, one in enumerate(radius):
        of_class = order[number[order] == kind]
        parts.append(of_class[first_within(index[of_class], float(one))])
    kept = np.concatenate(parts)
    return kept[np.argsort(-score[kept], kind="stable")]
