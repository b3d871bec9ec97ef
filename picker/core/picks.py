"""Picks: positions of particles, with their classes, scores and orientations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import are_known, first_bad, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

NUM_BINS = 50  # of scores in [0, 1]
HIGHEST = np.nextafter(np.float32(1), np.float32(0))
"""Of a score: a class whose threshold is 1 gets no picks, however sure the network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picks:
    """Particles of one tomogram, found by a method or known.

    Attributes
    ----------
    position_zyx
        `(n, 3)` float64 positions [Å]; 0 Å is the centre of voxel 0.
    particle
        `(n,)` names of the particles' classes.
    score
        `(n,)` float32 heatmap values in [0, 1]; known picks have 1.
    rotation
        `(n, 3, 3)` float64 matrices R that turn the particle as its reference shows it
        into the tomogram: what lies at v from the reference's centre lies at R v from
        the pick's position. They act on column vectors z, y, x. NaN where a pick's
        orientation is not known; None if no pick's is.
    context
        What was measured around each pick, by its name: `(n,)` float64, distances [Å]
        and densities; NaN where it is not known. Empty if nothing was.

    Raises
    ------
    ValueError
        If these differ in length, a position or score is not finite, or a matrix is no
        rotation.
    """

    position_zyx: NDArray[np.float64]
    particle: NDArray[np.str_]
    score: NDArray[np.float32]
    rotation: NDArray[np.float64] | None = None
    context: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the arrays belong together."""
        num = len(self.particle)
        if self.position_zyx.shape != (num, 3) or self.score.shape != (num,):
            raise ValueError(
                f"picks need (n, 3) positions and (n,) scores for their {num} names;"
                f" got {self.position_zyx.shape} and {self.score.shape}"
            )
        if not np.isfinite(self.score).all():
            bad = int(np.flatnonzero(~np.isfinite(self.score))[0])
            raise ValueError(f"score of pick {bad + 1} is not finite")
        if not np.isfinite(self.position_zyx).all():
            bad = int(np.flatnonzero(~np.isfinite(self.position_zyx).all(axis=1))[0])
            raise ValueError(f"position of pick {bad + 1} is not finite")
        for name, values in self.context.items():
            if values.shape != (num,):
                raise ValueError(f"picks need ({num},) {name}; got {values.shape}")
        self._check_rotation()

    def _check_rotation(self) -> None:
        if self.rotation is None:
            return
        if self.rotation.shape != (len(self), 3, 3):
            raise ValueError(
                f"picks need ({len(self)}, 3, 3) rotations; got {self.rotation.shape}"
            )
        if found := first_bad(self.rotation):
            raise ValueError(f"rotation of pick {found[0] + 1} {found[1]}")
        if not are_known(self.rotation).any():
            object.__setattr__(self, "rotation", None)

    def __len__(self) -> int:
        """Return the number of picks."""
        return len(self.particle)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Picks:
        """Return the picks that a mask or an array of indices selects, in its order."""
        return Picks(
            position_zyx=self.position_zyx[which],
            particle=self.particle[which],
            score=self.score[which],
            rotation=None if self.rotation is None else self.rotation[which],
            context={name: values[which] for name, values in self.context.items()},
        )

    def of(self, particle: str) -> Picks:
        """Return the picks of one particle class."""
        return self.select(self.particle == particle)


def picks_from_arrays(
    position_zyx: NDArray[np.floating] | list[list[float]],
    particle: Iterable[str],
    score: NDArray[np.floating] | list[float] | None = None,
    rotation: NDArray[np.floating] | None = None,
    context: Mapping[str, NDArray[np.float64]] | None = None,
) -> Picks:
    """Return `Picks` from anything array-like; without scores each pick has 1."""
    names = np.array(list(particle), dtype=np.str_)
    return Picks(
        position_zyx=np.asarray(position_zyx, np.float64).reshape(-1, 3),
        particle=names,
        score=np.ones(len(names), np.float32)
        if score is None
        else np.asarray(score, np.float32),
        rotation=None if rotation is None else np.asarray(rotation, np.float64),
        context=context or {},
    )


def no_picks() -> Picks:
    """Return an empty set of picks."""
    return picks_from_arrays([], [])


def concatenate(parts: Iterable[Picks]) -> Picks:
    """Return all picks of several sets as one; NaN where one has no such context."""
    sets = [no_picks(), *parts]
    return Picks(
        position_zyx=np.concatenate([p.position_zyx for p in sets]),
        particle=np.concatenate([p.particle for p in sets]),
        score=np.concatenate([p.score for p in sets]),
        rotation=joined((p.rotation, len(p)) for p in sets),
        context=joined_context((p.context, len(p)) for p in sets),
    )


def joined_context(
    parts: Iterable[tuple[Mapping[str, NDArray[np.float64]], int]],
) -> dict[str, NDArray[np.float64]]:
    """Return the context of several sets of picks as one; NaN where one has none.

    `parts` has the context and the number of picks of each.
    """
    sets = list(parts)
    names = dict.fromkeys(name for context, _ in sets for name in context)
    return {
        name: np.concatenate([c.get(name, np.full(num, np.nan)) for c, num in sets])
        for name in names
    }


def score_histogram(score: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return how many scores fall into each of 50 equal bins of [0, 1]."""
    counts, _ = np.histogram(np.clip(score, 0, 1), NUM_BINS, (0, 1))
    return counts.astype(np.int64)
