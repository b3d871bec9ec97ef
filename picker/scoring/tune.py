"""How good settings of picking are, with the best thresholds for them.

Picks count one-to-one, so that no setting gains by several picks of one particle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.refining.select import in_region, picks_apart
from picker.scoring.calibrate import best_threshold
from picker.scoring.match import Counts, match_picks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import CalibrateSettings, Particle, PickSettings
    from picker.core.picks import Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What is known of a tomogram, or of a copy of it.

    Attributes
    ----------
    tomogram
        Its name; copies of it have the same.
    voxel_size, shape_zyx
        [Å] and [voxels].
    truth
        Known particles [Å], all of them.
    """

    tomogram: str
    voxel_size: float
    shape_zyx: tuple[int, int, int]
    truth: Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """One class's candidates in one tomogram and its copies, with what they are.

    Attributes
    ----------
    score, is_right
        `(n,)` of candidates that thresholds alone keep from picks.
    num_truth
        Known particles.
    """

    score: NDArray[np.float32]
    is_right: NDArray[np.bool_]
    num_truth: int

    def counts(self, threshold: float) -> Counts:
        """Return the counts of the picks that a threshold keeps."""
        kept = self.score >= threshold
        tp = int((kept & self.is_right).sum())
        return Counts(tp=tp, fp=int(kept.sum()) - tp, fn=self.num_truth - tp)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What one choice of settings gives.

    Attributes
    ----------
    matches
        Class, tomogram: its candidates.
    beta
        Of F-beta.
    """

    matches: Mapping[str, Mapping[str, Matches]]
    beta: float

    @property
    def tomograms(self) -> list[str]:
        """Names of the tomograms."""
        return list(next(iter(self.matches.values())))

    def f(self, without: str | None = None) -> float:
        """Return the mean over classes of the highest F-beta of any threshold.

        Classes without a known particle are left out.

        Parameters
        ----------
        without
            A tomogram that does not count.
        """
        found = [
            best
            for of_class in self.matches.values()
            if (best := self._best(of_class, without)[1]) is not None
        ]
        return float(np.mean(found)) if found else 0.0

    def counts(self, tomogram: str) -> dict[str, Counts]:
        """Return each class's counts in a tomogram, by thresholds of the others."""
        return {
            name: of_class[tomogram].counts(self._best(of_class, tomogram)[0])
            for name, of_class in self.matches.items()
        }

    def _best(
        self, of_class: Mapping[str, Matches], without: str | None
    ) -> tuple[float, float | None]:
        """Return the best threshold and its F-beta; None without a known particle."""
        parts = [one for name, one in of_class.items() if name != without]
        num_truth = sum(part.num_truth for part in parts)
        if not num_truth:
            return 1.0, None
        score = np.concatenate([part.score for part in parts])
        right = np.concatenate([part.is_right for part in parts])
        return best_threshold(score, right, num_truth, self.beta)


def tried(
    candidates: Sequence[tuple[Field, Picks]],
    particles: Sequence[Particle],
    settings: CalibrateSettings,
    picking: PickSettings,
) -> Trial:
    """Return what settings of picking give.

    Particles near the edges count whatever `edge_margin` is: it may lose them.

    Parameters
    ----------
    candidates
        Of each tomogram and each copy, where its mask allows picks.
    particles
        The classes.
    settings
        Match distance, and β.
    picking
        The settings that are tried; its thresholds are not used.
    """
    matches: dict[str, dict[str, list[Matches]]] = {p.name: {} for p in particles}
    for field, found in candidates:
        inside = in_region(
            found.position_zyx,
            field.voxel_size,
            field.shape_zyx,
            picking.edge_margin,
            None,
        )
        allowed = found.select(inside)
        for particle in particles:
            distance = picking.min_distance_per_radius * particle.radius
            apart = picks_apart(allowed.of(particle.name), distance)
            best = apart.select(np.arange(len(apart))[: picking.top_k])
            known = field.truth.of(particle.name).position_zyx
            reach = settings.distance_per_radius * particle.radius
            hit = match_picks(best.position_zyx, best.score, known, reach)
            matches[particle.name].setdefault(field.tomogram, []).append(
                Matches(score=best.score, is_right=hit >= 0, num_truth=len(known))
            )
    pooled = {
        name: {tomogram: _pooled(parts) for tomogram, parts in of_class.items()}
        for name, of_class in matches.items()
    }
    return Trial(matches=pooled, beta=settings.beta)


def held_out_f(trials: Sequence[Trial]) -> float:
    """Return the F-beta of tomograms that chose neither settings nor thresholds.

    For each tomogram in turn, the trial and its thresholds are those that are best on
    the others; its picks by these are counted. The trials themselves were made in sight
    of all tomograms.

    Returns
    -------
    The mean over classes with known particles.
    """
    total: dict[str, Counts] = {}
    for tomogram in trials[0].tomograms:
        chosen = max(trials, key=lambda trial: trial.f(without=tomogram))
        for name, counts in chosen.counts(tomogram).items():
            total[name] = total.get(name, Counts()) + counts
    found = [c.f(trials[0].beta) for c in total.values() if c.num_truth]
    return float(np.mean(found)) if found else 0.0


def _pooled(parts: Sequence[Matches]) -> Matches:
    """Return the matches of a tomogram and its copies as one."""
    return Matches(
        score=np.concatenate([part.score for part in parts]),
        is_right=np.concatenate([part.is_right for part in parts]),
        num_truth=sum(part.num_truth for part in parts),
    )
