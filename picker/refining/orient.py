"""Directions of picks from what lies around them: a membrane, or a filament."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from picker.core.tomogram import index_from_position

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMOOTH = 3.0
"""Standard deviation of the Gaussian that smooths a mask [voxels]."""
NEIGHBOURS = 16
"""Voxels of a surface whose normals are averaged: one alone lies up to a voxel off."""


@dataclass(frozen=True, slots=True)
class Surface:
    """The surface of a mask.

    Attributes
    ----------
    index_zyx
        `(n, 3)` voxels just outside of the mask.
    normal_zyx
        `(n, 3)` vectors of length 1 that point away from it.
    """

    index_zyx: NDArray[np.intp]
    normal_zyx: NDArray[np.float64]


def surface_of(mask: NDArray[np.bool_], smooth: float = SMOOTH) -> Surface:
    """Return the surface of a mask, with normals from the smoothed mask.

    They are taken outside, where a sheet of a single voxel has a slope as well, and
    differs between its two sides. The volume's faces are no surface.

    Parameters
    ----------
    mask
        `(z, y, x)`, true in the membrane, or in all that it encloses.
    smooth
        Standard deviation of the Gaussian [voxels].

    Raises
    ------
    ValueError
        If the mask is the same everywhere.
    """
    index = np.argwhere(ndimage.binary_dilation(mask) & ~mask)
    if len(index) == 0:
        raise ValueError(
            "the mask has no surface: it is the same everywhere; expected one that is 1"
            " in the membrane and 0 elsewhere"
        )
    # Beyond the faces the mask goes on as it ends there.
    smoothed = ndimage.gaussian_filter(mask.astype(np.float32), smooth, mode="nearest")
    slope = np.stack(
        [
            _slope(smoothed, index, axis)
            if mask.shape[axis] > 1
            else np.zeros(len(index))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(slope, axis=1)
    is_steep = length > 0
    return Surface(
        index[is_steep], -slope[is_steep] / length[is_steep][:, None].astype(np.float64)
    )


def _slope(
    values: NDArray[np.float32], index: NDArray[np.intp], axis: int
) -> NDArray[np.float64]:
    """Return central differences along an axis at some voxels, one-sided at faces."""
    before, after = index.copy(), index.copy()
    before[:, axis] = np.maximum(index[:, axis] - 1, 0)
    after[:, axis] = np.minimum(index[:, axis] + 1, values.shape[axis] - 1)
    step = after[:, axis] - before[:, axis]
    difference = values[tuple(after.T)].astype(np.float64) - values[tuple(before.T)]
    return np.asarray(difference / step)


def normals_at(
    position_zyx: NDArray[np.float64], surface: Surface, voxel_size: float
) -> NDArray[np.float64]:
    """Return `(n, 3)` normals z, y, x of the surface nearest to each position [Å].

    They point away from the mask, towards the side that a pick outside of it lies on.

    Parameters
    ----------
    position_zyx
        `(n, 3)` [Å].
    surface
        Of the mask.
    voxel_size
        Of the mask [Å].
    """
    index = index_from_position(position_zyx, voxel_size)
    number = min(NEIGHBOURS, len(surface.index_zyx))
    _, near = cKDTree(surface.index_zyx).query(index, range(1, number + 1))
    normals = surface.normal_zyx[near]
    # The other side of a thin sheet may be near, too.
    weight = np.einsum("nki,ni->nk", normals, normals[:, 0]) > 0
    mean: NDArray[np.float64] = (weight[:, :, None] * normals).sum(axis=1)
    length: NDArray[np.float64] = np.linalg.norm(mean, axis=1, keepdims=True)
    return mean / length


def tangents_of(
    position_zyx: NDArray[np.float64], filament: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return `(n, 3)` directions z, y, x along filaments, at picks that are in order.

    Each is that from the pick before to the pick behind; at the ends, that to or from
    the only neighbour. NaN where a filament has one pick, or its neighbours are at one
    place.

    Parameters
    ----------
    position_zyx
        `(n, 3)` [Å]; those of a filament in their order along it.
    filament
        `(n,)` which filament each is of.
    """
    direction = np.full((len(position_zyx), 3), np.nan)
    for number in np.unique(filament):
        rows = np.flatnonzero(filament == number)
        if len(rows) > 1:
            place = position_zyx[rows[np.r_[0, : len(rows), len(rows) - 1]]]
            direction[rows] = place[2:] - place[:-2]
    direction[~direction.any(axis=1)] = np.nan
    return direction
