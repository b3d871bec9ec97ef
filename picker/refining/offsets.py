"""Fourteen entries around each pick, which raise a count per pick and nothing else.

The CZII challenge's score counts each particle once, and every further entry as wrong.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import concatenate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from picker.config import OffsetsSettings, Particle
    from picker.core.picks import Picks

ENTRIES = 15
"""Entries of each pick: itself, six along the axes, eight along the diagonals."""
WARNING = (
    f"{ENTRIES} entries a pick of {{}} (pick.offsets): for Kaggle's file alone, not for"
    " averaging. Counted one-to-one, as the challenge does, scores fall"
)


def offset_vectors(radius: float, settings: OffsetsSettings) -> NDArray[np.float64]:
    """Return the `(15, 3)` offsets [Å] of a pick's entries; the first is 0.

    Source: report on the CZII challenge 2025, algorithm 5. Its spacing check at half a
    radius would refuse every offset from its own pick, so there is none here.
    """
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    corners = np.array(list(product((-1.0, 1.0), repeat=3))) / np.sqrt(3)
    vectors = [np.zeros((1, 3)), settings.primary * axes, settings.diagonal * corners]
    return radius * np.concatenate(vectors)


def with_offsets(
    picks: Picks, particles: Iterable[Particle], settings: OffsetsSettings
) -> Picks:
    """Return picks, each of the settings' classes followed by its 14 entries.

    They have its score. Picks come class by class; those of unknown ones are dropped.
    """
    parts = []
    for particle in particles:
        ours = picks.of(particle.name)
        if particle.name in settings.particles:
            vectors = offset_vectors(particle.radius, settings)
            every = ours.position_zyx[:, None] + vectors
            ours = replace(
                ours.select(np.repeat(np.arange(len(ours)), ENTRIES)),
                position_zyx=every.reshape(-1, 3),
            )
        parts.append(ours)
    return concatenate(parts)


def without_offsets(picks: Picks, names: Collection[str]) -> Picks:
    """Return the picks that `with_offsets` was given, by the names of its classes."""
    kept = np.ones(len(picks), np.bool_)
    for name in names:
        index = np.flatnonzero(picks.particle == name)
        kept[index] = np.arange(len(index)) % ENTRIES == 0
    return picks.select(kept)
