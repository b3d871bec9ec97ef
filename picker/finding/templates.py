"""A density map to what it looks like in a tomogram, in every rotation.

Particles are light here, as in the map; who compares with a tomogram changes the sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import fft, ndimage
from torch.nn import functional

from picker.volumes.spectrum import fourier_crop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from picker.core.tomogram import Tomogram

SOLVENT = 0.02
"""Values below this fraction of a map's greatest are solvent."""
MASS = 0.97
"""Fraction of the mass that a particle's radius holds, as in phantoms."""
UNLIKE = 3.0
"""A map that is so many times smaller or larger than its class has a wrong unit."""
EDGE = 0.2
"""Width of a mask's soft edge, as a fraction of its radius."""
BATCH = 64
"""Rotations that are sampled at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A filtered density map about its centre of mass.

    Attributes
    ----------
    volume
        `(z, y, x)` float32, light.
    voxel_size
        Edge of its voxels [Å].
    centre_zyx
        `(3,)` index of the centre of mass.
    """

    volume: NDArray[np.float32]
    voxel_size: float
    centre_zyx: NDArray[np.float64]


def template_from_map(
    density: Tomogram, radius: float, resolution: float, voxel_size: float
) -> Template:
    """Return a map with the detail that a filter leaves.

    Parameters
    ----------
    density
        The map, particles light; what is 0 or less, or hardly above, is solvent.
    radius
        Of the particle [Å].
    resolution
        Wavelength at which the filter leaves half of the amplitude [Å].
    voxel_size
        Of the tomogram [Å]; the map gets voxels of about a third of that, and has no
        detail that the tomogram cannot have.

    Raises
    ------
    ValueError
        If nothing in the map is above 0, or its size is far from the radius.
    """
    volume = np.maximum(np.asarray(density.volume, np.float32), 0)
    if not volume.any():
        raise ValueError(
            f"density map {density.name} has no value above 0; expected a map of a"
            " particle with light density on a dark background"
        )
    volume[volume < SOLVENT * volume.max()] = 0
    spacing = density.voxel_size
    _check_size(density.name, volume, spacing, radius)
    # What wraps around lies beyond the filter's reach.
    volume = np.pad(volume, math.ceil(1.5 * resolution / spacing))
    coarser = Fraction(max(1, math.floor(voxel_size / 3 / spacing)))
    volume = fourier_crop(volume, coarser)
    spacing *= int(coarser)
    frequency = _frequencies(volume.shape, spacing)
    amplitude = low_pass(frequency, resolution) * (frequency < 0.5 / voxel_size)
    spectrum = fft.rfftn(volume, workers=1) * amplitude
    # Between coarse voxels linear interpolation would lose detail.
    finer = max(1, math.ceil(2 * spacing / voxel_size))
    volume = _finer(spectrum, volume.shape, finer)
    centre = ndimage.center_of_mass(np.maximum(volume, 0))
    return Template(
        volume=volume, voxel_size=spacing / finer, centre_zyx=np.array(centre)
    )


def low_pass(frequency: NDArray[np.float32], resolution: float) -> NDArray[np.float32]:
    """Return a Gaussian's amplitudes at frequencies [1/Å], half at 1 / resolution."""
    result: NDArray[np.float32] = np.exp(-math.log(2) * (frequency * resolution) ** 2)
    return result


def soft_mask(radius: float) -> NDArray[np.float32]:
    """Return a ball of 1 with a soft edge, 0 around, in the smallest cube [voxels].

    Parameters
    ----------
    radius
        Where the edge is at one half [voxels].
    """
    outer = radius * (1 + EDGE / 2)
    reach = math.ceil(outer)
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    way = np.clip((outer - distance) / (EDGE * radius), 0, 1)
    mask: NDArray[np.float32] = 0.5 - 0.5 * np.cos(np.pi * way)
    return mask


def turned(
    template: Template,
    rotations: NDArray[np.float32],
    size: int,
    voxel_size: float,
    max_tilt: float,
    device: torch.device,
) -> Iterator[Tensor]:
    """Yield a template in each rotation, as a tilt series shows it.

    Parameters
    ----------
    template
        What is turned about its centre.
    rotations
        `(r, 3, 3)`: what lies at p from the centre comes to R p, both z, y, x.
    size
        Edge of the cubes [voxels], odd; the middle voxel is the centre.
    voxel_size
        Of the tomogram [Å].
    max_tilt
        Greatest tilt about y [degrees]; 90 for no missing wedge.
    device
        Where to compute.

    Yields
    ------
    `(n, size, size, size)` batches of up to 64.
    """
    volume = torch.from_numpy(template.volume).to(device)[None, None]
    # Twice as wide, so that what the wedge smears does not come round.
    wide = 2 * size - 1
    axis = (torch.arange(wide, device=device) - (size - 1)) * voxel_size
    place = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)
    place = place.reshape(-1, 3).float() / template.voxel_size
    centre = torch.tensor(template.centre_zyx, dtype=torch.float32, device=device)
    last = torch.tensor(template.volume.shape, device=device) - 1
    measured = torch.from_numpy(is_measured(wide, max_tilt)).to(device)
    kept = slice(size // 2, size // 2 + size)
    for some in torch.from_numpy(rotations).to(device).split(BATCH):
        # The value at p was at R⁻¹ p, and the inverse of a rotation is its transpose.
        index = place @ some + centre
        # `grid_sample` wants x, y, z from -1 to 1.
        grid = (2 * index / last - 1).flip(-1).reshape(-1, wide, wide, wide, 3)
        found = functional.grid_sample(
            volume.expand(len(some), -1, -1, -1, -1), grid, align_corners=True
        )[:, 0]
        if max_tilt < 90:
            spectrum = torch.fft.rfftn(found, dim=(1, 2, 3)) * measured
            found = torch.fft.irfftn(spectrum, s=found.shape[1:], dim=(1, 2, 3))
        yield found[:, kept, kept, kept]


def is_measured(size: int, max_tilt: float) -> NDArray[np.bool_]:
    """Return which coefficients of a cube's `rfftn` a tilt series about y measures."""
    steepest = math.tan(math.radians(max_tilt))
    k_z, k_x = np.abs(fft.fftfreq(size))[:, None, None], fft.rfftfreq(size)
    measured: NDArray[np.bool_] = k_z <= steepest * k_x + 1e-6
    return np.repeat(measured, size, axis=1)


def _check_size(
    name: str, volume: NDArray[np.float32], spacing: float, radius: float
) -> None:
    """Refuse a map whose size is of another order than the class's radius [Å]."""
    centre = ndimage.center_of_mass(volume)
    index = np.argwhere(volume > 0)
    distance = spacing * np.linalg.norm(index - centre, axis=1)
    order = np.argsort(distance)
    mass = np.cumsum(volume[tuple(index[order].T)], dtype=np.float64)
    reach = distance[order][np.searchsorted(mass, MASS * mass[-1])]
    if not radius / UNLIKE <= reach <= radius * UNLIKE:
        raise ValueError(
            f"density map {name} reaches {reach:.3g} Å from its centre, with voxels of"
            f" {spacing:g} Å; expected about the particle's radius, {radius:g} Å: fix"
            " the map's voxel size or the radius"
        )


def _frequencies(shape: tuple[int, ...], spacing: float) -> NDArray[np.float32]:
    """Return the length of the frequency of each coefficient of `rfftn` [1/Å]."""
    z, y, x = shape
    square = (
        fft.fftfreq(z, spacing)[:, None, None] ** 2
        + fft.fftfreq(y, spacing)[:, None] ** 2
        + fft.rfftfreq(x, spacing) ** 2
    )
    frequency: NDArray[np.float32] = np.sqrt(square).astype(np.float32)
    return frequency


def _finer(
    spectrum: NDArray[np.complex64], shape: tuple[int, ...], factor: int
) -> NDArray[np.float32]:
    """Return the volume of an `rfftn` with voxels smaller by a factor."""
    larger = tuple(size * factor for size in shape)
    z, y, x = larger
    padded = np.zeros((z, y, x // 2 + 1), np.complex64)
    # The highest frequency of an even axis is 0: the filter has cut it.
    into = np.ix_(
        *(np.rint(fft.fftfreq(size, 1 / size)).astype(int) for size in shape[:2]),
        np.arange(spectrum.shape[2]),
    )
    padded[into] = spectrum * np.float32(factor**3)
    result: NDArray[np.float32] = fft.irfftn(padded, s=larger, workers=1)
    return np.ascontiguousarray(result, np.float32)
