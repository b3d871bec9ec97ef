"""How particles lie in their boxes, and their mean once they all lie alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from picker.averaging.boxes import CENTRE, NUM_SAMPLES
from picker.averaging.spectra import (
    FREQUENCY,
    MEASURED,
    SHELL,
    SQUARE,
    box_of,
    is_measured,
    masked,
    spectrum_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LEAST_MEASURED = 0.05
"""Fraction of the particles that must have measured a coefficient of their average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Poses:
    """How particles lie in their boxes.

    Attributes
    ----------
    rotation
        `(n, 3, 3)` matrices, z, y, x, that turn the average into each particle.
    shift_zyx
        `(n, 3)` place of each particle's centre from the box's [samples].
    """

    rotation: NDArray[np.float32]
    shift_zyx: NDArray[np.float32]

    def select(self, which: NDArray[np.intp]) -> Poses:
        """Return the poses of some particles."""
        return Poses(rotation=self.rotation[which], shift_zyx=self.shift_zyx[which])


def unturned(num: int) -> Poses:
    """Return the poses of particles that all lie as the average does."""
    return Poses(
        rotation=np.tile(np.eye(3, dtype=np.float32), (num, 1, 1)),
        shift_zyx=np.zeros((num, 3), np.float32),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """The average of particles, in Fourier space.

    Attributes
    ----------
    spectrum
        `(32, 32, 32)` coefficients, 0 where too few were measured.
    is_known
        Where enough were.
    """

    spectrum: NDArray[np.complex64]
    is_known: NDArray[np.bool_]

    def box(self, highest: float = CENTRE) -> NDArray[np.float32]:
        """Return the average, `(32, 32, 32)`, without what is beyond a shell."""
        falling = np.clip(highest + 1 - np.sqrt((FREQUENCY**2).sum(axis=-1)), 0, 1)
        return box_of((self.spectrum * falling).astype(np.complex64))


def with_guesses(mean: Mean) -> Mean:
    """Return an average with a guess of what was not measured.

    That is the mean of the measured coefficients whose frequency is as long. Zeros
    would be a wedge in the reference, and particles would be turned to match theirs.
    """
    guess = round_part(mean)
    spectrum = np.where(mean.is_known, mean.spectrum, guess.spectrum)
    return Mean(spectrum=spectrum, is_known=mean.is_known | guess.is_known)


def round_part(mean: Mean) -> Mean:
    """Return an average without what differs between directions."""
    square, values = SQUARE[mean.is_known], mean.spectrum[mean.is_known].real
    total = np.bincount(square, values, minlength=SQUARE.max() + 1)
    number = np.bincount(square, minlength=SQUARE.max() + 1)
    level = (total / np.maximum(number, 1)).astype(np.complex64)
    return Mean(spectrum=level[SQUARE], is_known=number[SQUARE] > 0)


def prepared(box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return a box for averaging: normalised, masked, nothing in the missing wedge."""
    return box_of(spectrum_of(masked(box)) * MEASURED)


def mean_of(boxes: Iterable[NDArray[np.floating]], poses: Poses) -> Mean:
    """Return the average of particles, turned and shifted to lie alike.

    Each coefficient is the mean over the particles that measured it.

    Parameters
    ----------
    boxes
        What `prepared` returns of each particle.
    poses
        How each lies.
    """
    total = np.zeros((NUM_SAMPLES,) * 3, np.float32)
    measured = np.zeros(SHELL.shape, np.float32)
    turned = np.empty_like(total)
    frequency = FREQUENCY.reshape(-1, 3).T
    moves = poses.shift_zyx.any(axis=1) | (poses.rotation != np.eye(3)).any(axis=(1, 2))
    for box, rotation, shift, is_moved in zip(
        boxes, poses.rotation, poses.shift_zyx, moves, strict=True
    ):
        source = np.asarray(box, np.float32)
        if is_moved:
            # The average at x is the particle at R x + shift, both from their centres.
            centre = np.full(3, CENTRE, np.float32)
            offset = centre + shift - rotation @ centre
            ndimage.affine_transform(source, rotation, offset, output=turned, order=1)
        else:
            turned[:] = source
        total += turned
        k_z, k_x = rotation[[0, 2]] @ frequency
        measured += is_measured(k_z, k_x).reshape(SHELL.shape)
    least = max(LEAST_MEASURED * len(poses.rotation), 0.5)
    is_known = (measured >= least) & (SHELL < CENTRE)
    spectrum = np.where(is_known, spectrum_of(total) / np.maximum(measured, least), 0)
    return Mean(spectrum=spectrum.astype(np.complex64), is_known=is_known)
