"""What is found again in the other half: how good picks are where nobody looked.

Even and odd halves show the same particles under independent noise. A pick of one half
that noise made has a neighbour in the other half by chance alone; one that a structure
made is found again. So the picks that are not found again are the wrong ones, but for
two kinds: particles that the other half misses, and other structures that are taken
for the particle, which no half can tell from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.scoring.match import match_picks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks

NUM_THRESHOLDS = 50
"""Thresholds of a curve are multiples of 1 / this."""
FEWEST = 10
"""With fewer picks of both halves together nothing is estimated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Halves:
    """The candidates of one tomogram and of its halves, none too close to another.

    Attributes
    ----------
    whole, even, odd
        Of all classes [Å].
    extent_zyx
        Position of the last voxel's centre [Å].
    """

    whole: Picks
    even: Picks
    odd: Picks
    extent_zyx: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundAgain:
    """One class's picks of both halves of all tomograms.

    Attributes
    ----------
    score
        `(n,)` scores of the halves' candidates.
    again
        `(n,)` score of the same find in the other half; 0 without one.
    by_chance
        `(n,)` the same with the other half turned by 180° about z: whatever is found
        there is a neighbour by chance, among as many candidates at the same depth.
    whole
        `(m,)` scores of the candidates of the whole tomograms.
    """

    score: NDArray[np.float32]
    again: NDArray[np.float32]
    by_chance: NDArray[np.float32]
    whole: NDArray[np.float32]


def found_again(
    tomograms: Sequence[Halves], particle: Particle, distance_per_radius: float
) -> FoundAgain:
    """Return which candidates of a class are found again in the other half.

    Parameters
    ----------
    tomograms
        Their candidates.
    particle
        The class.
    distance_per_radius
        Greatest distance of the two finds, as a fraction of the particle's radius.
    """
    distance = distance_per_radius * particle.radius
    score, again, by_chance, whole = ([np.empty(0, np.float32)] for _ in range(4))
    for tomogram in tomograms:
        whole.append(tomogram.whole.of(particle.name).score)
        even, odd = (half.of(particle.name) for half in (tomogram.even, tomogram.odd))
        for one, other in ((even, odd), (odd, even)):
            score.append(one.score)
            turned = _turned(other.position_zyx, tomogram.extent_zyx)
            for found, where in ((again, other.position_zyx), (by_chance, turned)):
                index = match_picks(one.position_zyx, one.score, where, distance)
                found.append(np.append(other.score, np.float32(0))[index])
    return FoundAgain(
        score=np.concatenate(score),
        again=np.concatenate(again),
        by_chance=np.concatenate(by_chance),
        whole=np.concatenate(whole),
    )


def _turned(
    position_zyx: NDArray[np.float64], extent_zyx: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return positions turned by 180° about the tomogram's axis along z."""
    return np.column_stack(
        [
            position_zyx[:, 0],
            extent_zyx[1] - position_zyx[:, 1],
            extent_zyx[2] - position_zyx[:, 2],
        ]
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproducibility:
    """What halves tell of one class's picks of at least one score.

    Attributes
    ----------
    threshold
        That score.
    num_picks
        Picks of the whole tomograms.
    num_half_picks
        Picks of a half, the mean of both.
    found_again
        Fraction of a half's picks that the other half has too, with at least that
        score; neighbours by chance are not counted. None without a pick.
    precision, recall
        To expect of the whole tomograms, see `reproducibility`; None where it is not
        known.
    """

    threshold: float
    num_picks: int
    num_half_picks: float
    found_again: float | None
    precision: float | None
    recall: float | None


def reproducibility(found: FoundAgain, threshold: float) -> Reproducibility:
    """Return what halves tell of the picks of at least a score.

    With n picks of a half, of which a fraction r is found again at any score and a
    fraction c finds a neighbour by chance, (r - c) / (1 - c) of them are due to a
    structure and the others, F, to noise: r = s + (1 - s) c, where s is what is looked
    for. Whole tomograms and halves are normalised alike, and most of their spread is
    noise; so noise makes as many picks of a score in both, and of the N picks of the
    whole tomograms F are wrong:

        precision = 1 - F / N

    Recall is the probability that a particle that is surely there is found: of the
    half's picks that are due to a structure, the fraction that the other half finds
    with that score or a higher one (as in capture and recapture: G. A. F. Seber 1982,
    The estimation of animal abundance). Particles that are easy to find count more than
    others, by which it is too high; a half finds less than the whole, by which it is
    too low.

    Other structures that are taken for the particle count as right: precision is at
    most that. docs/reproducibility.md holds both against known particles.

    Parameters
    ----------
    found
        Of one class.
    threshold
        Lowest score of a pick.
    """
    kept = found.score >= threshold
    num_half = float(kept.sum()) / 2
    num_whole = int((found.whole >= threshold).sum())
    again, by_chance = found.again[kept], found.by_chance[kept]
    at_score = _beyond_chance(again >= threshold, by_chance >= threshold)
    at_all = _beyond_chance(again > 0, by_chance > 0)
    precision = recall = None
    if num_whole and 2 * num_half >= FEWEST and at_all is not None:
        wrong = num_half * (1 - at_all)
        precision = max(0.0, 1 - wrong / num_whole)
        recall = min(1.0, (at_score or 0.0) / at_all) if at_all else None
    return Reproducibility(
        threshold=threshold,
        num_picks=num_whole,
        num_half_picks=num_half,
        found_again=at_score,
        precision=precision,
        recall=recall,
    )


def reproducibility_curve(
    found: FoundAgain, threshold: float | None = None
) -> list[Reproducibility]:
    """Return what halves tell at evenly spaced scores, and at one more threshold.

    Parameters
    ----------
    found
        Of one class.
    threshold
        That of its picks, if it has one.

    Returns
    -------
    Falling thresholds, as far as a half or a whole tomogram has picks.
    """
    top = max(found.score.max(initial=0), found.whole.max(initial=0))
    grid = np.arange(1, NUM_THRESHOLDS) / NUM_THRESHOLDS
    more = [] if threshold is None else [threshold]
    scores = sorted({*(float(s) for s in grid if s <= top), *more}, reverse=True)
    return [reproducibility(found, score) for score in scores]


def _beyond_chance(
    found: NDArray[np.bool_], by_chance: NDArray[np.bool_]
) -> float | None:
    """Return the fraction that is found, without those that chance accounts for."""
    if not len(found):
        return None
    chance = float(by_chance.mean())
    if chance >= 1:
        return None
    return max(0.0, (float(found.mean()) - chance) / (1 - chance))
