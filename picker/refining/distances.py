"""Distances [Å] of positions from what a tomogram has besides particles.

A position is exact, not that of its voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.tomogram import index_from_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.core.gold import Bead
    from picker.core.slab import Slab

    Floats = NDArray[np.float64]

TO_SURFACE = 0.25
"""What lies between the nearest voxel's centre and the surface [voxels]: the mean over
balls and tilted planes. Of a plane along the voxels' faces it would be 0.5."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The voxels of a segmentation, and those at its surface.

    Attributes
    ----------
    mask
        `(z, y, x)` true inside.
    voxel_size
        Edge of its voxels [Å], which need not be the tomogram's; index 0 is at 0 Å.
    surface
        KD-tree of the indices of true voxels that have a false neighbour; None if no
        voxel is true.
    """

    mask: NDArray[np.bool_]
    voxel_size: float
    surface: cKDTree | None


def segmentation(mask: NDArray[np.bool_], voxel_size: float) -> Segmentation:
    """Return a segmentation from its `(z, y, x)` mask and voxel size [Å]."""
    inner = mask.copy()
    for axis in range(3):
        ahead, behind = (
            tuple(side if other == axis else slice(None) for other in range(3))
            for side in (slice(1, None), slice(None, -1))
        )
        # Beyond the volume's own faces nothing is known: they are no surface.
        inner[ahead] &= mask[behind]
        inner[behind] &= mask[ahead]
    index = np.argwhere(mask & ~inner)
    if not len(index) and mask.any():  # it fills the volume
        return Segmentation(mask, voxel_size, None)
    # An unbalanced tree is built in a fifth of the time.
    tree = cKDTree(index, balanced_tree=False, compact_nodes=False)
    return Segmentation(mask, voxel_size, tree if len(index) else None)


def mask_distance(position_zyx: Floats, of: Segmentation) -> Floats:
    """Return `(n,)` distances [Å] of positions [Å] from a segmentation, 0 inside.

    That from the centre of the nearest voxel of it, less a quarter of a voxel. From the
    surface that the voxels stand for it differs by 0.15 voxels (standard deviation) if
    that is curved or tilted, and by 0.25 if it runs along the voxels' faces. Which side
    of a membrane a position is on the mask does not say, so there is no sign. Infinite
    if no voxel is true.
    """
    index = index_from_position(position_zyx, of.voxel_size).reshape(-1, 3)
    nearest = np.round(index).astype(np.intp)
    inside = of.mask[tuple(np.clip(nearest, 0, np.array(of.mask.shape) - 1).T)]
    if of.surface is None:
        return np.where(inside, 0.0, np.inf)
    gap = np.asarray(of.surface.query(index)[0], np.float64) - TO_SURFACE
    return np.where(inside, 0.0, np.maximum(gap, 0.0) * of.voxel_size)


def face_distance(position_zyx: Floats, slab: Slab) -> Floats:
    """Return `(n,)` distances [Å] of positions [Å] from a slab's nearer face.

    Perpendicular to it; negative outside. If one face is known it is the nearer one.
    """
    z, y, x = position_zyx.T
    depths = []
    for face, sign in ((slab.low, 1.0), (slab.high, -1.0)):
        if face is not None:
            height = face.offset + face.slope_y * y + face.slope_x * x
            steepness = np.sqrt(1 + face.slope_y**2 + face.slope_x**2)
            depths.append(sign * (z - height) / steepness)
    return np.asarray(np.min(depths, axis=0), np.float64)


def edge_distance(
    position_zyx: Floats, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> Floats:
    """Return `(n,)` distances [Å] of positions [Å] from a tomogram's nearest face.

    From the centres of the outermost voxels, as `in_region` counts it; negative
    outside. A micrograph has no faces along z.
    """
    last = (np.array(shape_zyx) - 1) * voxel_size
    has_faces = last > 0
    position, last = position_zyx[:, has_faces], last[has_faces]
    return np.asarray(np.minimum(position, last - position).min(axis=1), np.float64)


def gold_distance(position_zyx: Floats, gold: Sequence[Bead]) -> Floats:
    """Return `(n,)` distances [Å] of positions [Å] from the nearest bead's surface.

    0 inside; infinite if there is no bead.
    """
    nearest = np.full(len(position_zyx), np.inf)
    for bead in gold:
        gap = np.linalg.norm(position_zyx - (bead.z, bead.y, bead.x), axis=1)
        nearest = np.minimum(nearest, np.maximum(gap - bead.radius, 0.0))
    return nearest
