"""Particles of a tomogram to discs on its slices; `picker.finding.linking` goes back.

A slice cuts a particle, a ball, in a disc. It is what a detector in two dimensions
finds, whose box about it has the disc's diameter as its side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Discs:
    """Particles as slices show them, known or found.

    Attributes
    ----------
    slice_z
        `(n,)` numbers of slices.
    centre_yx
        `(n, 2)` centres [voxels].
    diameter
        `(n,)` [voxels].
    particle
        `(n,)` class numbers.
    score
        `(n,)` in [0, 1]; known ones have 1.
    """

    slice_z: NDArray[np.int64]
    centre_yx: NDArray[np.float64]
    diameter: NDArray[np.float64]
    particle: NDArray[np.int64]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of discs."""
        return len(self.particle)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Discs:
        """Return the discs that a mask or an array of indices selects, in its order."""
        return Discs(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def joined(parts: Iterable[Discs]) -> Discs:
    """Return all discs of several sets, of one at least, as one."""
    sets = list(parts)
    return Discs(
        **{
            f.name: np.concatenate([getattr(one, f.name) for one in sets])
            for f in fields(Discs)
        }
    )


def reach(min_chord: float = 0.0) -> float:
    """Return how far from its centre a particle has discs, as a fraction of its radius.

    Parameters
    ----------
    min_chord
        Smallest disc that counts, as a fraction of the particle's diameter.
    """
    return math.sqrt(1 - min_chord**2)


def discs_on_slice(
    index_zyx: NDArray[np.floating],
    particle: NDArray[np.integer],
    radius: NDArray[np.floating],
    slice_z: int,
    min_chord: float = 0.0,
) -> Discs:
    """Return what a slice cuts of particles; what only touches it has no disc.

    Parameters
    ----------
    index_zyx
        `(n, 3)` centres [voxels].
    particle
        `(n,)` class numbers.
    radius
        `(class,)` of the particles [voxels].
    slice_z
        Number of the slice.
    min_chord
        As for `reach`.
    """
    index = np.asarray(index_zyx, np.float64).reshape(-1, 3)
    number = np.asarray(particle, np.int64)
    own = np.asarray(radius, np.float64)[number]
    away = np.abs(index[:, 0] - slice_z)
    cut = (away < own) & (away <= reach(min_chord) * own)
    return Discs(
        slice_z=np.full(int(cut.sum()), slice_z),
        centre_yx=index[cut, 1:],
        diameter=2 * np.sqrt(own[cut] ** 2 - away[cut] ** 2),
        particle=number[cut],
        score=np.ones(int(cut.sum()), np.float32),
    )


def slices_from(first: int, number: int, depth: int) -> list[int]:
    """Return so many slices, as a network sees them about the middle one.

    Beyond a face of the volume it is the last slice again.

    Parameters
    ----------
    first
        Number of the first one; may be negative.
    number
        How many.
    depth
        Slices of the volume.
    """
    return [min(max(z, 0), depth - 1) for z in range(first, first + number)]
