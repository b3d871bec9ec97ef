"""Discs on neighbouring slices to particles, whichever detector has found them.

A chain has one disc a slice at most, and a disc one chain at most, the nearest one: so
crowds do not run together, as they do where all that is near is joined.

Source: Wagner et al. 2019, SPHIRE-crYOLO (boxes of neighbouring slices within a
distance, gaps, least length); a public notebook of the CZII challenge of 2024 (the
power of the number of slices in the score); written anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from picker.encodings.discs import reach
from picker.encodings.nearby import first_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import LinkSettings
    from picker.encodings.discs import Discs

    Chain = list[int]


class Linked(NamedTuple):
    """Particles in a volume, best first.

    Attributes
    ----------
    index_zyx
        `(n, 3)` centres [voxels].
    particle
        `(n,)` class numbers.
    score
        `(n,)` in [0, 1].
    """

    index_zyx: NDArray[np.float64]
    particle: NDArray[np.int64]
    score: NDArray[np.float32]


def linked(
    discs: Discs,
    radius: NDArray[np.floating],
    depth: int,
    settings: LinkSettings,
    min_chord: float = 0.0,
    step: int = 1,
) -> Linked:
    """Return the particles that discs are of; within a radius of one no other.

    Parameters
    ----------
    discs
        Of all slices, in any order.
    radius
        `(class,)` of the particles [voxels].
    depth
        Number of slices of the volume. A particle of which it has few needs no more.
    settings
        What belongs together.
    min_chord
        Smallest disc that was looked for, as a fraction of the particle's diameter.
    step
        Every `step`-th slice was looked at, the first among them.
    """
    parts = []
    for kind, one in enumerate(radius.tolist()):
        of_class = discs.select(discs.particle == kind)
        of_class = of_class.select(np.argsort(of_class.slice_z, kind="stable"))
        least = settings.min_length_per_diameter * 2 * one
        longest = settings.max_length_per_diameter * 2 * one
        whole = 2 * reach(min_chord) * one
        found = [
            (*_centre(of_class.select(np.array(chain))), chain)
            for long in _chains(of_class, one, settings)
            for chain in _split(long, of_class, least, longest, step)
            if _length(of_class.slice_z[chain], step) >= min(least, depth)
        ]
        index = np.array([zyx for *zyx, _ in found]).reshape(-1, 3)
        score = np.array(
            [
                float(of_class.score[chain].mean())
                * math.pow(
                    _found(len(chain), z, whole, depth, step), 1 - settings.score_power
                )
                for z, _, _, chain in found
            ],
            np.float32,
        )
        order = np.argsort(-score, kind="stable")
        kept = order[first_within(index[order], one)]
        parts.append(Linked(index[kept], np.full(len(kept), kind), score[kept]))
    index, number, score = (np.concatenate(p) for p in zip(*parts, strict=True))
    order = np.argsort(-score, kind="stable")
    return Linked(index[order], number[order], score[order])


def _chains(discs: Discs, radius: float, settings: LinkSettings) -> list[Chain]:
    """Return which discs of one class, in the order of slices, follow on each other.

    Slice after slice, each goes to the chain whose mean is nearest, the nearest pairs
    first.
    """
    chains: list[Chain] = []
    going: list[int] = []
    sums = np.zeros((len(discs), 2))
    near = settings.xy_per_radius * radius
    for z in np.unique(discs.slice_z):
        here = np.flatnonzero(discs.slice_z == z)
        going = [
            i for i in going if z - discs.slice_z[chains[i][-1]] <= settings.z_gap + 1
        ]
        lengths = np.array([len(chains[i]) for i in going]).reshape(-1, 1)
        pairs = cKDTree(sums[going] / lengths).sparse_distance_matrix(
            cKDTree(discs.centre_yx[here]), near, output_type="ndarray"
        )
        goes_to: dict[int, int] = {}
        taken = set()
        for old, new, _ in np.sort(pairs, order=["v", "i", "j"]).tolist():
            if new not in goes_to and old not in taken:
                goes_to[new] = going[old]
                taken.add(old)
        for new, disc in enumerate(here.tolist()):
            if new not in goes_to:
                goes_to[new] = len(chains)
                chains.append([])
                going.append(goes_to[new])
            chains[goes_to[new]].append(disc)
            sums[goes_to[new]] += discs.centre_yx[disc]
    return chains


def _split(
    chain: Chain, discs: Discs, least: float, longest: float, step: int
) -> list[Chain]:
    """Return a chain, in parts if it is longer than a particle can be.

    It is cut at the weakest slice that was looked at, where discs are unsure and small
    or missing, so that both parts are long enough; of equal ones at that nearest to the
    middle.
    """
    place = discs.slice_z[chain] - discs.slice_z[chain[0]]
    if _length(place, step) <= longest:
        return [chain]
    length = int(place[-1]) + 1
    strength = np.zeros(length)
    strength[place] = discs.score[chain] * discs.diameter[chain]
    margin = min(max(1, int(np.ceil(least))), length // 2)
    inner = np.arange(margin, length - margin + 1)
    looked_at = inner % step == 0  # as the chain's first slice was
    inner = inner[looked_at] if looked_at.any() else inner
    best = np.lexsort((np.abs(inner - length / 2), strength[inner]))[0]
    cut = int(np.searchsorted(place, inner[best]))
    parts = chain[:cut], chain[cut:]
    more = least, longest, step
    return [one for part in parts for one in _split(part, discs, *more)]


def _length(slice_z: NDArray[np.int64], step: int) -> int:
    """Return how many slices a chain reaches over, half a step beyond its ends."""
    return int(slice_z[-1] - slice_z[0]) + step


def _centre(discs: Discs) -> tuple[float, float, float]:
    """Return z, y, x of the ball that a chain's discs are of.

    Half the diameter squared is r² − (z − centre)². With z² added it is a line in z,
    whose slope is twice the centre: so it is right too where a face cuts the ball, and
    for discs that are all alike it is the middle. Fitted by least squares.
    """
    weight = discs.score.astype(np.float64) + 1e-6
    y, x = np.average(discs.centre_yx, axis=0, weights=weight).tolist()
    z = discs.slice_z.astype(np.float64)
    middle = float(np.average(z, weights=weight))
    apart = z - middle
    spread = float(weight @ apart**2)
    if spread > 0:
        line = discs.diameter**2 / 4 + apart**2
        middle += float(weight @ (apart * line)) / spread / 2
    return min(max(middle, float(z[0])), float(z[-1])), y, x


def _found(number: int, z: float, whole: float, depth: int, step: int) -> float:
    """Return the fraction of a particle's slices that has a disc.

    Parameters
    ----------
    number
        Of the chain's discs.
    z
        The particle's centre.
    whole
        Number of slices that a whole particle reaches over with its discs.
    depth
        Number of slices of the volume; beyond its faces none is missed.
    step
        As for `linked`.
    """
    last = math.floor(min(z + whole / 2, depth - 1))
    first = math.ceil(max(z - whole / 2, 0))
    looked_at = last // step - (first - 1) // step
    return min(1.0, number / max(1, looked_at))
