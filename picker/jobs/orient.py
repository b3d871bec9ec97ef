"""Orientations of picks that are converted: mirrored with them, or from geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import z_axis_along
from picker.formats.volumes.segmentation import read_segmentation
from picker.refining.orient import normals_at, surface_of, tangents_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.picks.records import Coordinates
    from picker.refining.orient import Surface


def read_surface(
    path: Path, shape_zyx: tuple[int, int, int], voxel_size: float
) -> tuple[Surface, float]:
    """Return the surface of a mask's file, and the mask's voxel size [Å].

    Parameters as for `read_segmentation`.

    Raises
    ------
    ValueError
        If it cannot be read, shows another field than the tomogram, or no surface.
    """
    mask, size = read_segmentation(path, shape_zyx, voxel_size)
    try:
        return surface_of(mask), size
    except ValueError as error:
        raise ValueError(f"mask {path}: {error}") from error


def mirrored(
    rotation: NDArray[np.float64] | None, axes: Sequence[str]
) -> NDArray[np.float64] | None:
    """Return rotations in a volume that is mirrored along axes, of "x", "y" and "z".

    Along two axes that turns the volume, and each particle with it. Along one or three
    it makes its mirror image, of which no rotation of the particle is one: then they
    are rotations of the particle's mirror image along the same axes.
    """
    if rotation is None:
        return None
    mirror = np.array([-1.0 if axis in axes else 1.0 for axis in "zyx"])
    turned = mirror[:, None] * rotation
    return turned if mirror.prod() > 0 else turned * mirror


def rotations_along_normals(
    position_zyx: NDArray[np.float64], surface: Surface, voxel_size: float
) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations of the z axis into the normals at picks [Å]."""
    return z_axis_along(normals_at(position_zyx, surface, voxel_size))


def rotations_along_filaments(
    position_zyx: NDArray[np.float64], particle: Sequence[str], rows: Coordinates
) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations of the z axis into the tangents at picks [Å].

    The picks of a class are one filament, in the file's order. A contour of an IMOD
    model, or a number in `rlnHelicalTubeID`, is a filament of its own.
    """
    parts = [rows.filament, None if rows.drawing is None else rows.drawing.contour]
    keys = [np.unique(np.array(particle, np.str_), return_inverse=True)[1]]
    keys += [part for part in parts if part is not None]
    filament = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1]
    return z_axis_along(tangents_of(position_zyx, filament.reshape(-1)))
