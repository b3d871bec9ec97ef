"""A slice to discs by a detector of squares, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch.nn import functional

from picker.encodings.discs import Discs, joined
from picker.encodings.squares import discs_from_squares, once

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from picker.networks.squares.found import Squares

AT_ONCE = 16
"""Most tiles that are computed together."""


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


class SquareNetwork(Protocol):
    """Finds squares in patches."""

    @property
    def edge(self) -> int:
        """Edge of a patch [pixels]."""

    def found(self, patch: Tensor, min_score: float) -> list[Squares]:
        """Return the squares of each `(channel, edge, edge)` patch of a batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SquareDetector:
    """A network that is run over slices in overlapping tiles.

    Attributes
    ----------
    model
        In `eval` mode.
    min_score
        What scores lower is left out.
    """

    model: SquareNetwork
    min_score: float

    @torch.inference_mode()
    def on_slice(
        self, image: Tensor, slice_z: int, radius: NDArray[np.float64]
    ) -> Discs:
        """Return every disc on a slice, best first.

        Tiles share as much as the largest particle's diameter, so that each particle
        is seen as a whole by the tile in which its centre counts.

        Parameters
        ----------
        image
            `(channel, y, x)`, on the model's device.
        slice_z
            Number of the slice.
        radius
            `(class,)` of the particles [pixels].

        Raises
        ------
        ValueError
            If particles are too large for tiles.
        """
        across = image.shape[1:]
        edge, overlap = self.model.edge, int(np.ceil(2 * radius.max()))
        missing = [max(0, edge - size) for size in across]
        beyond = [0, missing[1], 0, missing[0]]
        # By the last pixel: nothing else would look like background.
        image = functional.pad(image, beyond, mode="replicate")
        places = list(product(*(tiles(size, edge, overlap) for size in across)))
        parts = []
        for first in range(0, len(places), AT_ONCE):
            some = places[first : first + AT_ONCE]
            patches = [
                image[:, y.start : y.start + edge, x.start : x.start + edge]
                for y, x in some
            ]
            answers = self.model.found(torch.stack(patches), self.min_score)
            for (y, x), squares in zip(some, answers, strict=True):
                discs = discs_from_squares(*squares, edge, slice_z)
                parts.append(_counting(discs, y, x))
        found = joined(parts)
        inside = np.clip(found.centre_yx, 0, np.array(across) - 1)
        # Two tiles may see one particle on either side of where they meet.
        return once(replace(found, centre_yx=inside), radius)


def _counting(found: Discs, y: Tile, x: Tile) -> Discs:
    """Return what counts of a tile's discs, placed on the slice."""
    start = np.array([y.start, x.start])
    placed = replace(found, centre_yx=found.centre_yx + start)
    low, high = [y.first, x.first], [y.last, x.last]
    counts = np.all((placed.centre_yx >= low) & (placed.centre_yx < high), axis=1)
    return placed.select(counts)
