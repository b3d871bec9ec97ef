"""Align particles to their own average, in two halves that check each other.

Aligned to a reference, noise averages to that reference. So nothing is believed that
the reference could have brought: the low frequencies of the first rounds are those of
one reference for all particles, and two halves of the particles are then aligned apart.
What they have in common beyond these frequencies comes from the particles. See
docs/decisions/0026-averages.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.averaging.agreement import mean_correlation, resolved, shell_correlation
from picker.averaging.boxes import RADIUS
from picker.averaging.poses import (
    Mean,
    Poses,
    mean_of,
    round_part,
    unturned,
    with_guesses,
)
from picker.averaging.rotations import even_rotations, small_rotations, spacing
from picker.averaging.spectra import (
    MAX_SHELL,
    Band,
    Reference,
    band,
    masked,
    phases,
    spectrum_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

START_SHELL = 3
"""Highest frequency of the reference that all particles share."""
CHECKED = range(START_SHELL + 2, START_SHELL + 5)
"""Shells that tell whether an alignment is true: the mask blurs a shell into the next
one, so that one is left out."""
COMMON_ROUNDS = 5
HALF_ROUNDS = 3
NUM_ROTATIONS = 3000
MAX_SHIFT = 0.25
"""Farthest that a particle may lie from its pick [radii]."""
FEWEST = 8
"""Fewer particles are not averaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Averages:
    """What the particles of one set average to.

    Attributes
    ----------
    num
        Number of particles.
    plain, aligned
        `(32, 32, 32)` averages as picked and once aligned, without the frequencies in
        which halves do not agree.
    correlation, aligned_correlation
        `(16,)` shell correlations of two halves of them.
    agreement
        Mean of `correlation` over shells 2 to 9.
    aligned_agreement
        Mean over the shells of `CHECKED` of the correlation of two halves that were
        aligned apart, about 0 of noise.
    gain
        By how much that is more than of halves that were only centred. About 0 of
        noise, and of round particles, to which turning adds nothing: an aligned
        average would show directions that are nowhere but in the noise.
    """

    num: int
    plain: NDArray[np.float32]
    aligned: NDArray[np.float32]
    correlation: NDArray[np.float64]
    aligned_correlation: NDArray[np.float64]
    agreement: float
    aligned_agreement: float
    gain: float


def averages_of(boxes: Sequence[NDArray[np.floating]]) -> Averages:
    """Return the averages of particles, as picked and aligned.

    Parameters
    ----------
    boxes
        At least `FEWEST`, what `prepared` returns of each; every other one is in the
        same half.
    """
    particles = _Particles(boxes)
    halves = [np.arange(first, len(boxes), 2) for first in (0, 1)]
    plain = [particles.mean(unturned(len(half)), half) for half in halves]
    correlation = shell_correlation(*plain)
    centred = _centred(particles)
    unturned_halves = [particles.mean(centred.select(half), half) for half in halves]
    common = _aligned_together(particles, centred)
    aligned, poses = _aligned_apart(particles, common, halves)
    aligned_agreement = mean_correlation(aligned, CHECKED)
    aligned_correlation = shell_correlation(*aligned)
    everything = np.arange(len(boxes))
    whole = particles.mean(unturned(len(boxes)), everything)
    together = particles.mean(_joined(poses, halves), everything)
    return Averages(
        num=len(boxes),
        plain=whole.box(max(START_SHELL, resolved(correlation))),
        aligned=together.box(max(START_SHELL, resolved(aligned_correlation))),
        correlation=correlation,
        aligned_correlation=aligned_correlation,
        agreement=mean_correlation(plain, range(2, 10)),
        aligned_agreement=aligned_agreement,
        gain=aligned_agreement - mean_correlation(unturned_halves, CHECKED),
    )


class _Particles:
    """Particles with the coefficients that alignment looks at."""

    def __init__(self, boxes: Sequence[NDArray[np.floating]]) -> None:
        self.boxes = boxes
        self.band: Band = band(MAX_SHELL)
        self.spectra = np.stack(
            [spectrum_of(box).ravel()[self.band.index] for box in boxes]
        )
        # Every shell's noise weighs the same.
        power = np.bincount(self.band.shell, (np.abs(self.spectra) ** 2).mean(axis=0))
        number = np.bincount(self.band.shell)
        level = np.sqrt(power / np.maximum(number, 1))
        self.weight = (1 / np.maximum(level, 1e-12))[self.band.shell].astype(np.float32)
        self.spectra *= self.weight
        reach = MAX_SHIFT * RADIUS
        axis = np.linspace(-reach, reach, 5, dtype=np.float32)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        self.shifts = grid[np.linalg.norm(grid, axis=1) <= reach + 1e-3]

    def mean(self, poses: Poses, which: NDArray[np.intp]) -> Mean:
        """Return the average of some particles, in their poses."""
        return mean_of((self.boxes[i] for i in which), poses)

    def posed(
        self, reference: Mean, poses: Poses, which: NDArray[np.intp], highest: int
    ) -> Poses:
        """Return new poses of some particles, by shells up to the highest.

        By constrained cross-correlation: a particle and the turned reference are
        compared in the coefficients that the tilt series measured alone (F. Förster et
        al. 2008, J. Struct. Biol. 161, 276-286, DOI 10.1016/j.jsb.2007.07.006).
        """
        size = self.band.size(highest)
        transform = Reference(masked(with_guesses(reference).box(highest)))
        centred = self._centred(which, poses.shift_zyx, size)
        rotations = even_rotations(NUM_ROTATIONS)
        rotation = self._best_of_all(transform, centred, rotations)
        angle = spacing(NUM_ROTATIONS) / 2
        for small in (small_rotations(angle), small_rotations(angle / 2)):
            rotation = self._best_near(transform, centred, rotation, small)
        return Poses(
            rotation=rotation,
            shift_zyx=self._best_shift(transform, which, rotation, size),
        )

    def centred(self, reference: Mean, which: NDArray[np.intp]) -> Poses:
        """Return poses without rotations, shifted to a round reference."""
        size = self.band.size(START_SHELL)
        transform = Reference(masked(reference.box(START_SHELL)))
        poses = unturned(len(which))
        shift = self._best_shift(transform, which, poses.rotation, size)
        return Poses(rotation=poses.rotation, shift_zyx=shift)

    def _centred(
        self, which: NDArray[np.intp], shift_zyx: NDArray[np.float32], size: int
    ) -> NDArray[np.complex64]:
        """Return particles' coefficients as if their centres were the boxes'."""
        moved = phases(self.band.frequency_zyx[:size], shift_zyx)
        result: NDArray[np.complex64] = self.spectra[which, :size] * moved
        return result

    def _turned(
        self, transform: Reference, rotations: NDArray[np.float32], size: int
    ) -> NDArray[np.complex64]:
        """Return the reference in each rotation, `(m, size)`, of norm 1."""
        frequency = self.band.frequency_zyx[:size]
        values = transform.at(frequency @ rotations) * self.weight[:size]
        norm = np.linalg.norm(values, axis=1, keepdims=True)
        result: NDArray[np.complex64] = values / np.maximum(norm, 1e-12)
        return result

    def _best_of_all(
        self,
        transform: Reference,
        centred: NDArray[np.complex64],
        rotations: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return for each particle the best of all rotations."""
        best = np.full(len(centred), -np.inf, np.float32)
        found = np.zeros((len(centred), 3, 3), np.float32)
        for part in np.array_split(rotations, 6):
            turned = self._turned(transform, part, centred.shape[1])
            score = (centred @ turned.conj().T).real
            top = score.argmax(axis=1)
            value = score[np.arange(len(score)), top]
            better = value > best
            best[better], found[better] = value[better], part[top[better]]
        return found

    def _best_near(
        self,
        transform: Reference,
        centred: NDArray[np.complex64],
        rotation: NDArray[np.float32],
        small: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return for each particle the best rotation near the one it has."""
        result = np.empty_like(rotation)
        for place, (values, start) in enumerate(zip(centred, rotation, strict=True)):
            near = start @ small
            turned = self._turned(transform, near, len(values))
            result[place] = near[(turned.conj() @ values).real.argmax()]
        return result

    def _best_shift(
        self,
        transform: Reference,
        which: NDArray[np.intp],
        rotation: NDArray[np.float32],
        size: int,
    ) -> NDArray[np.float32]:
        """Return for each particle the best place of its centre [samples]."""
        turned = self._turned(transform, rotation, size)
        product = self.spectra[which, :size] * turned.conj()
        moved = phases(self.band.frequency_zyx[:size], self.shifts)
        best: NDArray[np.float32] = self.shifts[(product @ moved.T).real.argmax(axis=1)]
        return best


def _centred(particles: _Particles) -> Poses:
    """Return the poses of all particles, shifted to their own round average."""
    everything = np.arange(len(particles.boxes))
    mean = particles.mean(unturned(len(everything)), everything)
    return particles.centred(round_part(mean), everything)


def _aligned_together(particles: _Particles, poses: Poses) -> tuple[Mean, Poses]:
    """Return the average of all particles in low frequencies, and their poses."""
    everything = np.arange(len(particles.boxes))
    mean = particles.mean(poses, everything)
    for _ in range(COMMON_ROUNDS):
        poses = particles.posed(mean, poses, everything, START_SHELL)
        mean = particles.mean(poses, everything)
    return mean, poses


def _aligned_apart(
    particles: _Particles,
    common: tuple[Mean, Poses],
    halves: Sequence[NDArray[np.intp]],
) -> tuple[list[Mean], list[Poses]]:
    """Return the averages and poses of halves, each aligned to its own average.

    They start from what all have in common; further frequencies count once both halves
    have them.
    """
    start, everyone = common
    poses = [everyone.select(half) for half in halves]
    references, highest = [start, start], START_SHELL
    for _ in range(HALF_ROUNDS):
        poses = [
            particles.posed(mean, pose, half, highest)
            for mean, pose, half in zip(references, poses, halves, strict=True)
        ]
        references = [
            particles.mean(pose, half) for pose, half in zip(poses, halves, strict=True)
        ]
        agreed = resolved(shell_correlation(*references), 0.5)
        highest = min(MAX_SHELL, max(START_SHELL, agreed))
    return references, poses


def _joined(poses: Sequence[Poses], halves: Sequence[NDArray[np.intp]]) -> Poses:
    """Return the poses of all particles, in their order."""
    order = np.argsort(np.concatenate(halves))
    return Poses(
        rotation=np.concatenate([pose.rotation for pose in poses])[order],
        shift_zyx=np.concatenate([pose.shift_zyx for pose in poses])[order],
    )
