"""What a microscope and a reconstruction make of a clean density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import SimulateSettings

    Grid = NDArray[np.float32]

WAVELENGTH = 0.0197
"""Wavelength of electrons at 300 kV [Å]."""


def imaged(
    rng: np.random.Generator, signal: Grid, settings: SimulateSettings
) -> tuple[Grid, Grid | None]:
    """Return a density as its reconstruction would show it, particles dark.

    Parameters
    ----------
    rng
        Draws noise, smoothing, defocus and the thickness of the ice.
    signal
        `(z, y, x)` clean density, particles near 1.
    settings
        Voxel size [Å], signal-to-noise ratio, missing wedge [degrees], and whether
        there are halves.

    Returns
    -------
    `(z, y, x)` float32 of mean 0 and standard deviation 1; the noise that is added in
    its even half and subtracted in its odd one, None if there are none.
    """
    shape = settings.shape_zyx
    kz, ky, kx = (
        f.astype(np.float32) / np.float32(settings.voxel_size)
        for f in np.meshgrid(
            fft.fftfreq(shape[0]),
            fft.fftfreq(shape[1]),
            fft.rfftfreq(shape[2]),
            indexing="ij",
            sparse=True,
        )
    )
    square = kz**2 + ky**2 + kx**2
    wedge = _wedge(kz, kx, settings.missing_wedge)
    noise = rng.standard_normal(shape, dtype=np.float32)
    # Reconstructions are smoothed, some more than others. Particles are smoothed as
    # the noise is: else whitening would find their detail free of any noise.
    cutoff = rng.uniform(0.16, 0.26) / settings.voxel_size
    envelope = wedge * np.exp(-((square / cutoff**2) ** 2))
    noise = _filtered(noise, envelope)
    between = _between_halves(rng, shape, envelope) if settings.halves else None
    particles = _filtered(signal, envelope * _transfer(rng, square))

    snr = rng.uniform(*settings.snr)
    inside = signal > 0.3
    level = float(particles[inside & (signal < 1.5)].std()) / float(noise.std())
    strength = np.float32(level / np.sqrt(snr))
    volume: Grid = -particles - noise * strength
    spread = volume.std()
    for axis, size in enumerate(shape):  # ice is not equally thick everywhere
        place = np.linspace(-1, 1, size, dtype=np.float32)
        slope, bend = rng.normal(0, (0.15, 0.10))
        ice = np.float32(slope) * place + np.float32(bend) * place**2
        ice = np.float32(spread) * ice
        volume += ice.reshape([-1 if a == axis else 1 for a in range(3)])
    volume -= volume.mean(dtype=np.float64)
    scale = volume.std(dtype=np.float64)
    volume /= scale
    if between is not None:
        between *= np.float32(strength / scale)
    return volume, between


def _between_halves(
    rng: np.random.Generator, shape: tuple[int, int, int], envelope: Grid
) -> Grid:
    """Return half of what two halves differ by, as strong as the noise of their mean.

    A child's numbers leave those of the generator as they are.
    """
    (child,) = rng.spawn(1)
    return _filtered(child.standard_normal(shape, dtype=np.float32), envelope)


def _filtered(volume: Grid, filter_zyx: Grid) -> Grid:
    """Return a volume filtered in Fourier space, on one thread."""
    spectrum = fft.rfftn(volume, workers=1)
    spectrum *= filter_zyx
    result: Grid = fft.irfftn(
        spectrum, s=volume.shape, workers=1, overwrite_x=True
    ).astype(np.float32, copy=False)
    return result


def _wedge(kz: Grid, kx: Grid, half_angle: float) -> Grid:
    """Return 0 in the missing wedge of a tilt about y, 1 outside, with a soft edge."""
    if half_angle == 0:
        return np.ones(np.broadcast_shapes(kz.shape, kx.shape), np.float32)
    tilt = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
    edge = np.clip((90 - half_angle - tilt) / 2.0, -30, 30)
    result: Grid = (1 / (1 + np.exp(-edge))).astype(np.float32)
    result[0, :, 0] = 1  # no tilt misses the mean along z and x
    return result


def _transfer(rng: np.random.Generator, square: Grid) -> Grid:
    """Return the contrast transfer at squared frequencies [1/Å²], phases flipped.

    Defocus 2 to 5 µm; a floor under the zeros, as after a partial deconvolution.
    """
    defocus, floor = rng.uniform(2e4, 5e4), rng.uniform(0.4, 0.8)
    phase = square * np.float32(np.pi * WAVELENGTH * defocus) + np.float32(0.1)
    result: Grid = (np.abs(np.sin(phase)) + np.float32(floor)) * np.exp(-625 * square)
    return result
