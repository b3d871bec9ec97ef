"""Blobs in the tomograms that train: what may be a particle without a label.

Source: Zhang et al. 2024, UPicker, https://doi.org/10.1093/bib/bbae636 (a detector
that begins with blobs); docs/upicker.md says where this differs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from picker.encodings.nearby import first_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.training.source import PatchSource, Voxels

SURE = 0.5
"""Score of a blob from which it counts where no tomogram says how many there are."""


class Find(Protocol):
    """Returns the candidates in a volume [Å], best first."""

    def __call__(
        self, volume: Voxels, voxel_size: float, region: NDArray[np.bool_] | None, /
    ) -> Picks:
        """Return them; the region is as for `Finder.candidates`."""


def blobs_in_doubt(
    source: PatchSource, find: Find, particles: tuple[Particle, ...]
) -> PatchSource:
    """Return a tomogram where blobs without a label are neither particle nor none.

    Of a tomogram all of whose particles have labels nothing is in doubt.

    Parameters
    ----------
    source
        The tomogram.
    find
        Finds blobs, best first.
    particles
        The classes.
    """
    if source.hidden is None:
        return source
    index, number, score = blobs(find, source, particles)
    kept = np.concatenate(
        [
            best(score, np.flatnonzero(number == kind), labeled + hidden)
            for kind, (labeled, hidden) in enumerate(
                zip(
                    np.bincount(source.particle, minlength=len(particles)),
                    source.hidden,
                    strict=True,
                )
            )
        ]
    )
    return replace(
        source,
        outside_zyx=np.concatenate([source.outside_zyx, index[kept]]),
        outside_particle=np.concatenate([source.outside_particle, number[kept]]),
    )


def blobs(
    find: Find, source: PatchSource, particles: tuple[Particle, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
    """Return blobs in the region of a tomogram, one a place, best first.

    Returns
    -------
    `(n, 3)` centres [voxels], `(n,)` class numbers, `(n,)` scores.
    """
    region = None if source.region is None else np.asarray(source.region[:]) > 0
    voxel_size = particles[0].radius / float(source.radius[0])
    picks = find(source.volume, voxel_size, region)
    index = picks.position_zyx / voxel_size
    numbers = {particle.name: i for i, particle in enumerate(particles)}
    number = np.array([numbers[str(name)] for name in picks.particle], np.int64)
    inside = np.array(
        [
            source.known(np.round(place).astype(np.int64), (1, 1, 1), 1).item() > 0
            for place in index
        ],
        np.bool_,
    )
    chosen = np.flatnonzero(inside)
    chosen = chosen[first_within(index[chosen], float(source.radius.min()))]
    return index[chosen], number[chosen], picks.score[chosen]


def best(
    score: NDArray[np.float32], which: NDArray[np.intp], number: float
) -> NDArray[np.intp]:
    """Return the best so many of some; of an unknown number those that are sure."""
    if np.isnan(number):
        return which[score[which] >= SURE]
    return which[: round(number)]
