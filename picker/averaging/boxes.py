"""Sub-volumes around picks, on one grid whatever the tomogram's voxel size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.core.tomogram import Tomogram

NUM_SAMPLES = 32
"""Samples along each edge of a box; its centre is the sample 16."""
EDGE_PER_RADIUS = 3.0
"""Edge of a box, in radii of the particle."""
CENTRE = NUM_SAMPLES // 2
RADIUS = NUM_SAMPLES / EDGE_PER_RADIUS
"""The particle's radius [samples]."""


def cut_box(
    tomogram: Tomogram, position_zyx: NDArray[np.floating], radius: float
) -> NDArray[np.float32]:
    """Return the densities around a position, three radii wide.

    Samples are `3 * radius / 32` apart and interpolated linearly; where they are
    farther apart than voxels each is a weighted mean of the voxels around it. Beyond
    the faces of the tomogram the density is the mean of the rest of the box.

    Parameters
    ----------
    tomogram
        It may be read lazily: only the voxels of the box are.
    position_zyx
        `(3,)` centre of the box [Å].
    radius
        Of the particle [Å].

    Returns
    -------
    `(32, 32, 32)` float32, z, y, x; all 0 if the box lies outside of the tomogram.
    """
    spacing = EDGE_PER_RADIUS * radius / NUM_SAMPLES / tomogram.voxel_size
    offset = (np.arange(NUM_SAMPLES) - CENTRE) * spacing
    weights, parts = [], []
    for position, size in zip(position_zyx, tomogram.shape_zyx, strict=True):
        weight, part = _interpolation(
            float(position) / tomogram.voxel_size + offset, max(1.0, spacing), size
        )
        weights.append(weight)
        parts.append(part)
    voxels = np.asarray(tomogram.volume[tuple(parts)], np.float32)
    if not voxels.size:
        return np.zeros((NUM_SAMPLES,) * 3, np.float32)
    box = voxels
    # Axis by axis; each product moves its axis to the end, and z is first again.
    for weight in weights:
        box = np.tensordot(box, weight, (0, 1))
    inside = [weight.sum(axis=1) > 0 for weight in weights]
    known = np.ix_(*inside)
    filled = np.full(box.shape, box[known].mean() if box[known].size else 0)
    filled[known] = box[known]
    return filled.astype(np.float32)


def central_slices(box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the middle of a box as `(3, 32, 32)` pictures: xy, xz and yz.

    Each is the mean of three slices. Columns run along the first axis of its name and
    rows downwards along the second one, so the highest y or z is at the top.
    """
    middle = slice(CENTRE - 1, CENTRE + 2)
    box = np.asarray(box, np.float32)
    pictures = [box[middle].mean(0), box[:, middle].mean(1), box[:, :, middle].mean(2)]
    return np.stack(pictures)[:, ::-1]


def distance_from_centre() -> NDArray[np.float32]:
    """Return how far each sample is from the centre of its box [samples]."""
    axis = np.arange(NUM_SAMPLES, dtype=np.float32) - CENTRE
    square = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2
    distance: NDArray[np.float32] = np.sqrt(square)
    return distance


def radial_profile(box: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean density at 0, 1, 2 … 15 samples from the centre, `(16,)`."""
    shell = np.rint(distance_from_centre()).astype(int).ravel()
    total = np.bincount(shell, np.asarray(box, np.float64).ravel())
    return total[:CENTRE] / np.bincount(shell)[:CENTRE]


def _interpolation(
    index: NDArray[np.floating], width: float, size: int
) -> tuple[NDArray[np.float32], slice]:
    """Return the weights `(samples, voxels)` of the voxels that a slice selects.

    Parameters
    ----------
    index
        `(samples,)` places along an axis [voxels].
    width
        Distance at which a voxel's weight becomes 0 [voxels].
    size
        Voxels along the axis. A sample without any has no weights.
    """
    first = min(size, max(0, int(np.floor(index[0] - width))))
    last = min(size, max(first, int(np.ceil(index[-1] + width)) + 1))
    gap = np.abs(index[:, None] - np.arange(first, last))
    weight = np.clip(1 - gap / width, 0, None)
    total = weight.sum(axis=1, keepdims=True)
    outside = (index < -0.5) | (index > size - 0.5)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    weight[outside] = 0
    return weight.astype(np.float32), slice(first, last)
