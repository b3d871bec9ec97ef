"""How many picks lie around each pick, per volume in which picks may be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import qmc

from picker.refining.select import in_region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SAMPLES = 1024
"""Points that tell which part of a ball counts; a power of 2, as the sequence wants."""
AT_A_TIME = 500
"""Balls that are looked at together: 40 MB."""
PER_MICROMETRE = 1e4
"""Å in a micrometre."""


def neighbours(position_zyx: Floats, radius: float) -> NDArray[np.intp]:
    """Return `(n,)` how many others of `(n, 3)` positions lie within a radius [Å]."""
    if not len(position_zyx):
        return np.zeros(0, np.intp)
    tree = cKDTree(position_zyx)
    found = tree.query_ball_point(position_zyx, radius, return_length=True)
    return np.asarray(found, np.intp) - 1


def volume_that_counts(
    position_zyx: Floats,
    radius: float,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    mask: NDArray[np.bool_] | None,
) -> Floats:
    """Return `(n,)` volumes [µm³] where picks may be, of balls about positions.

    In a micrograph they are areas of discs [µm²]. Of each ball the same points are
    looked at, spread evenly; with faces and masks that are smooth the volume is right
    to 1% of the ball's.

    Parameters
    ----------
    position_zyx
        `(n, 3)` centres [Å].
    radius
        Of the balls [Å].
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels].
    mask
        As for `in_region`.
    """
    is_flat = shape_zyx[0] == 1
    reach = radius / PER_MICROMETRE
    whole = math.pi * reach**2 if is_flat else 4 / 3 * math.pi * reach**3
    offsets = radius * (_points_in_disc() if is_flat else _points_in_ball())
    # Voxels reach half of their edge beyond the centres of the outermost ones.
    margin = -voxel_size / 2
    fractions = []
    for first in range(0, len(position_zyx), AT_A_TIME):
        points = position_zyx[first : first + AT_A_TIME, None] + offsets
        inside = in_region(points.reshape(-1, 3), voxel_size, shape_zyx, margin, mask)
        fractions.append(inside.reshape(-1, SAMPLES).mean(axis=1))
    # A pick's own place counts, whatever the points say.
    least = 1 / SAMPLES
    fraction: Floats = np.concatenate([np.zeros(0), *fractions])
    return whole * np.maximum(fraction, least)


def _points_in_ball() -> Floats:
    """Return `(SAMPLES, 3)` points spread evenly in the ball of radius 1."""
    out, up, around = _evenly(3)
    z, angle = 2 * up - 1, 2 * math.pi * around
    flat = np.sqrt(1 - z**2)
    unit = np.stack([z, flat * np.sin(angle), flat * np.cos(angle)], axis=1)
    return np.asarray(np.cbrt(out)[:, None] * unit)


def _points_in_disc() -> Floats:
    """Return `(SAMPLES, 3)` points spread evenly in the disc of radius 1 with z 0."""
    out, around = _evenly(2)
    radius, angle = np.sqrt(out), 2 * math.pi * around
    return np.stack(
        [np.zeros(SAMPLES), radius * np.sin(angle), radius * np.cos(angle)], axis=1
    )


def _evenly(dimensions: int) -> Floats:
    """Return `(dimensions, SAMPLES)` numbers in (0, 1), the same each time.

    Source: Sobol 1967, in the middles of its cells.
    """
    points = qmc.Sobol(dimensions, scramble=False).random(SAMPLES)
    return np.asarray(points.T + 0.5 / SAMPLES)
