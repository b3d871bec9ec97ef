"""Changes of a volume in Fourier space: larger voxels, a flat spectrum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from numpy.typing import NDArray

    Volume = NDArray[np.float32]

SHELL = 1 / 96
"""Thickness of the shells that power is averaged over [cycles per voxel]."""
MIN_POWER = 1e-3
"""Shells with less than this fraction of the mean power are not raised further: their
power may come from rounding of the stored numbers."""


class Whitening(NamedTuple):
    """A filter that gives the frequencies of a volume the same power.

    Attributes
    ----------
    frequency
        Rising [cycles per voxel].
    root
        Logarithm of the amplitude at each, which is divided by.
    """

    frequency: tuple[float, ...]
    root: tuple[float, ...]


def fourier_crop(volume: Volume, ratio: Fraction) -> Volume:
    """Return a volume with larger voxels, by cropping in Fourier space.

    Index 0 stays at the same place on each axis and voxels become exactly `ratio`
    times as large on all three, whatever the shape: each axis is first extended to a
    multiple of the ratio's numerator, so that the crop is exact, and trimmed after.
    The result is just large enough for the centre of each voxel of the original to
    lie inside. The added samples lead from the last slice back to the first, because
    the Fourier transform takes the volume for periodic. One slice stays one slice.

    Parameters
    ----------
    volume
        `(z, y, x)` density.
    ratio
        New voxel size over the old, at least 1.

    Returns
    -------
    `(z, y, x)` density on the coarser grid.

    Raises
    ------
    ValueError
        If the ratio is below 1.
    """
    if ratio < 1:
        raise ValueError(
            f"cannot rescale to voxels {float(ratio):.4f} times as large;"
            " expected a ratio of at least 1"
        )
    if ratio == 1:
        return volume
    for axis in range(3) if len(volume) > 1 else (1, 2):
        volume = _crop_axis(volume, axis, ratio.numerator, ratio.denominator)
    return volume


def _crop_axis(volume: Volume, axis: int, numerator: int, denominator: int) -> Volume:
    """Return a volume with one axis resampled, slab by slab to save memory."""
    old = volume.shape[axis]
    # Enough for the centre of the last old voxel to lie within the last new one.
    new = -(-(2 * (old - 1) * denominator + numerator) // (2 * numerator))
    span = max(old, math.ceil(new * numerator / denominator))
    # A step from the last slice to the first would ring into both faces: slope over 4
    # new voxels instead.
    span += math.ceil(4 * numerator / denominator)
    blocks = fft.next_fast_len(math.ceil(span / numerator), real=True)
    padded, cropped = blocks * numerator, blocks * denominator
    slope = np.arange(1, padded - old + 1, dtype=np.float32) / (padded - old + 1)

    shape = list(volume.shape)
    shape[axis] = new
    result = np.empty(shape, np.float32)
    slabs = zip(volume.swapaxes(axis, 2), result.swapaxes(axis, 2), strict=True)
    for before, after in slabs:
        added = before[:, -1:] + slope * (before[:, :1] - before[:, -1:])
        whole = np.concatenate([before, added], axis=1)
        spectrum: NDArray[np.complex64] = fft.rfft(whole, workers=1)
        spectrum = spectrum[:, : cropped // 2 + 1] * np.float32(cropped / padded)
        if cropped % 2 == 0:
            spectrum[:, -1] = 0  # half of the new Nyquist frequency was cut away
        after[:] = fft.irfft(spectrum, n=cropped, workers=1)[:, :new]
    return result


def whitened(
    slices: Iterable[Volume], shape: tuple[int, ...]
) -> tuple[Volume, Whitening]:
    """Return a volume with the same power at all frequencies, and the filter.

    Every Fourier coefficient is divided by the root of the mean power in its shell, so
    that tomograms of different defocus, dose or denoising look alike, and frequencies
    with little noise are not drowned by those with much. Phases, and with them
    positions, stay.

    Parameters
    ----------
    slices
        `(y, x)` each, one after the other along z: all need not be in memory at once.
    shape
        Of the volume.

    Returns
    -------
    `(z, y, x)` of mean 0, its rows apart in memory, which is what the spectrum took;
    all 0 if no frequency has any power. Rounding gives some constant volumes a little
    power, so refuse those before.

    Source: the whitening filter of template matching (Rickgauer et al. 2017, eLife 6).
    """
    spectrum = _spectrum(slices, shape)
    z, y, x = shape
    flat = fft.fftfreq(y)[:, None] ** 2 + fft.rfftfreq(x) ** 2
    squares = fft.fftfreq(z) ** 2
    power, num = np.zeros((2, math.ceil(math.sqrt(3) / 2 / SHELL) + 1))
    for plane, along_z in zip(spectrum, squares, strict=True):  # to save memory
        shell = (np.sqrt(along_z + flat) / SHELL).astype(np.intp).ravel()
        square = (plane.real.astype(np.float64) ** 2 + plane.imag**2).ravel()
        power += np.bincount(shell, square, len(power))
        num += np.bincount(shell, minlength=len(power))
    mean = power.sum() / num.sum()
    if mean == 0:
        return np.zeros(shape, np.float32), Whitening((0.0,), (0.0,))
    seen = num > 0
    middle = (np.flatnonzero(seen) + 0.5) * SHELL
    # Interpolated, because a step between shells would ring.
    root = np.log(power[seen] / num[seen] / mean + MIN_POWER) / 2
    whitening = Whitening(tuple(middle.tolist()), tuple(root.tolist()))
    return _filtered(spectrum, shape, whitening), whitening


def filtered(
    slices: Iterable[Volume], shape: tuple[int, ...], whitening: Whitening
) -> Volume:
    """Return a volume under the filter of another of its shape, of mean 0.

    Parameters
    ----------
    slices
        `(y, x)` each, one after the other along z: all need not be in memory at once.
    shape
        Of the volume.
    whitening
        As `whitened` gives it.

    Returns
    -------
    `(z, y, x)`, its rows apart in memory, which is what the spectrum took.
    """
    return _filtered(_spectrum(slices, shape), shape, whitening)


def _spectrum(
    slices: Iterable[Volume], shape: tuple[int, ...]
) -> NDArray[np.complex64]:
    """Return what `rfftn` gives of a volume, and 0 for its mean."""
    z, y, x = shape
    spectrum = np.empty((z, y, x // 2 + 1), np.complex64)
    for plane, one in zip(spectrum, slices, strict=True):
        plane[:] = fft.rfft(one, workers=1)
    spectrum = fft.fftn(spectrum, axes=(0, 1), workers=1, overwrite_x=True)
    spectrum[0, 0, 0] = 0
    return spectrum


def _filtered(
    spectrum: NDArray[np.complex64], shape: tuple[int, ...], whitening: Whitening
) -> Volume:
    """Return the volume of a spectrum, which is overwritten, under a filter."""
    z, y, x = shape
    flat = fft.fftfreq(y)[:, None] ** 2 + fft.rfftfreq(x) ** 2
    for plane, along_z in zip(spectrum, fft.fftfreq(z) ** 2, strict=True):
        frequency = np.sqrt(along_z + flat)
        plane *= np.exp(-np.interp(frequency, *whitening)).astype(np.float32)
    # As `irfftn`, which would take three times the memory. Of Hermitian planes only the
    # last axis is real again.
    spectrum = fft.ifftn(
        spectrum, axes=(0, 1), norm="forward", workers=1, overwrite_x=True
    )
    scale = np.float32(1 / (z * y * x))
    result = spectrum.view(np.float32)[..., :x]
    for plane, into in zip(spectrum, result, strict=True):
        into[:] = fft.irfft(plane, n=x, norm="forward", workers=1) * scale
    return result
