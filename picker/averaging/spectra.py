"""Boxes in Fourier space: shells, the missing wedge, a band of coefficients.

A frequency counts waves along the edge of a box: at frequency k the wavelength is
`edge / k`. The missing wedge is that of a tilt about y over ±60°, which is assumed, for
tomograms do not say theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from picker.averaging.boxes import NUM_SAMPLES, RADIUS, distance_from_centre

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_TILT = 60.0
"""Greatest tilt about y [degrees]."""
MAX_SHELL = 10
"""Highest frequency that alignment looks at."""


def frequencies() -> NDArray[np.float32]:
    """Return the frequency of each coefficient, `(32, 32, 32, 3)`, z, y, x."""
    axis = fft.fftfreq(NUM_SAMPLES, 1 / NUM_SAMPLES).astype(np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def is_measured(
    k_z: NDArray[np.floating], k_x: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Return which frequencies a tilt series about y measures."""
    steepest = np.float32(np.tan(np.deg2rad(MAX_TILT)))
    measured: NDArray[np.bool_] = np.abs(k_z) <= steepest * np.abs(k_x) + 1e-3
    return measured


FREQUENCY = frequencies()
SQUARE = np.rint((FREQUENCY**2).sum(axis=-1)).astype(np.intp)
"""Squared length of each coefficient's frequency."""
SHELL = np.rint(np.sqrt(SQUARE)).astype(np.intp)
"""Its length, rounded."""
MEASURED = is_measured(FREQUENCY[..., 0], FREQUENCY[..., 2])


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Measured coefficients up to a frequency, one of each conjugate pair.

    Attributes
    ----------
    index
        Places in the flattened spectrum, `(n,)`, those of low frequencies first.
    frequency_zyx
        `(n, 3)`.
    shell
        `(n,)` lengths of the frequencies, rounded.
    """

    index: NDArray[np.intp]
    frequency_zyx: NDArray[np.float32]
    shell: NDArray[np.intp]

    def size(self, highest: int) -> int:
        """Return how many coefficients, the first ones, are of shells up to one."""
        return int(np.searchsorted(self.shell, highest, side="right"))


def band(highest: int = MAX_SHELL) -> Band:
    """Return the measured coefficients of the shells from 1 to `highest`."""
    z, y, x = np.moveaxis(FREQUENCY, -1, 0)
    is_half = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    index = np.flatnonzero(is_half & MEASURED & (SHELL <= highest))
    index = index[np.argsort(SHELL.ravel()[index], kind="stable")]
    return Band(
        index=index,
        frequency_zyx=FREQUENCY.reshape(-1, 3)[index],
        shell=SHELL.ravel()[index],
    )


def spectrum_of(box: NDArray[np.floating]) -> NDArray[np.complex64]:
    """Return the coefficients of a box, of phase 0 at its centre."""
    shifted = fft.ifftshift(np.asarray(box, np.float32))
    result: NDArray[np.complex64] = fft.fftn(shifted, workers=1)
    return result


def box_of(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the box that has these coefficients."""
    box = fft.fftshift(fft.ifftn(spectrum, workers=1).real)
    return np.ascontiguousarray(box, np.float32)


def soft_ball() -> NDArray[np.float32]:
    """Return 1 up to 1.1 radii from the centre of a box and 0 beyond 1.45 radii."""
    inner, outer = 1.1 * RADIUS, 1.45 * RADIUS
    way = np.clip((distance_from_centre() - inner) / (outer - inner), 0, 1)
    ball: NDArray[np.float32] = 0.5 + 0.5 * np.cos(np.pi * way)
    return ball


BALL = soft_ball()


def masked(box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the middle of a box, of mean 0 and standard deviation 1, and 0 around.

    A constant box gives zeros.
    """
    weight = BALL / BALL.sum()
    centred = np.asarray(box, np.float32) - np.float32((weight * box).sum())
    spread = np.sqrt((weight * centred**2).sum())
    result: NDArray[np.float32] = centred * BALL
    if spread > 0:
        result /= np.float32(spread)
    return result


class Reference:
    """A box's Fourier transform at any frequency, up to the highest of a band."""

    def __init__(self, box: NDArray[np.floating]) -> None:
        """Transform a box, whose rim should be 0."""
        # Twice as fine, so that linear interpolation does.
        padded = np.pad(np.asarray(box, np.float32), NUM_SAMPLES // 2)
        whole = fft.fftshift(fft.fftn(fft.ifftshift(padded), workers=1))
        reach = 2 * (MAX_SHELL + 2)
        part = slice(NUM_SAMPLES - reach, NUM_SAMPLES + reach + 1)
        self._values = whole[part, part, part].astype(np.complex64)
        self._reach = reach

    def at(self, frequency_zyx: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Return the transform at frequencies `(..., 3)`, z, y, x."""
        place = 2 * np.moveaxis(frequency_zyx, -1, 0) + self._reach
        result = np.empty(place.shape[1:], np.complex64)
        result.real = ndimage.map_coordinates(self._values.real, place, order=1)
        result.imag = ndimage.map_coordinates(self._values.imag, place, order=1)
        return result


def phases(
    frequency_zyx: NDArray[np.float32], shift_zyx: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """Return what moves `(n, 3)` frequencies' coefficients back by a shift.

    Parameters
    ----------
    frequency_zyx
        `(n, 3)`.
    shift_zyx
        `(m, 3)` shifts [samples].

    Returns
    -------
    `(m, n)` factors.
    """
    turns = shift_zyx @ frequency_zyx.T / NUM_SAMPLES
    result: NDArray[np.complex64] = np.exp(2j * np.pi * turns).astype(np.complex64)
    return result
