"""A heatmap of a whole tomogram to candidates in Å."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import HIGHEST, Picks
from picker.core.tomogram import position_from_index

if TYPE_CHECKING:
    from torch import Tensor

    from picker.config import Particle
    from picker.encodings.encoding import Encoding


def candidates_from_heatmap(
    heatmap: Tensor,
    particles: tuple[Particle, ...],
    voxel_size: float,
    shape_zyx: tuple[int, ...],
    encoding: Encoding,
    min_score: float,
    stride: int,
) -> Picks:
    """Return every candidate of at least `min_score` [Å], best first.

    Parameters
    ----------
    heatmap
        `(class, z, y, x)` in [0, 1].
    particles
        The classes, in the heatmap's order.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels]; no candidate lies outside of it.
    encoding
        How the heatmap shows particles.
    min_score
        Those that score lower are left out.
    stride
        Input voxels per voxel of the heatmap.
    """
    radius = np.array([p.radius / voxel_size for p in particles])
    index, number, score = encoding.particles(heatmap, radius, min_score, stride)
    # The coarse grid reaches half a voxel beyond the last one.
    index = np.clip(index, 0, np.array(shape_zyx) - 1)
    names = np.array([p.name for p in particles], np.str_)
    return Picks(
        position_zyx=position_from_index(index, voxel_size),
        particle=names[number],
        score=np.minimum(score, HIGHEST),
    )
