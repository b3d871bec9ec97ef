"""The lamella's faces in a tomogram, and whether its known picks agree with them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.volumes.slab import are_inside, find_slab, inside_slab

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Particle, PreprocessSettings
    from picker.core.picks import Picks
    from picker.core.slab import Face, Slab
    from picker.core.tomogram import Tomogram

logger = logging.getLogger("picker")

MAX_OUTSIDE = 0.1
"""Fraction of the known picks that may lie outside; one may in any case."""


def slab_of(
    tomogram: Tomogram,
    particles: tuple[Particle, ...],
    settings: PreprocessSettings,
    picks: Picks | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> tuple[Slab | None, list[str]]:
    """Return the faces found in a tomogram, None without any, and warnings.

    Faces that leave out many of the known picks, or all of the user's mask, are wrong
    and are not used. A slab thinner than the largest particle is none, and micrographs
    have none.

    Parameters
    ----------
    tomogram
        As it is in its file.
    particles
        Classes, with their radii [Å].
    settings
        Whether faces are looked for, and the margin around them [Å].
    picks
        The known picks, if any.
    mask
        Shaped as the volume; true where the user allows particles.
    """
    if not settings.find_slab or tomogram.is_micrograph:
        return None, []
    thinnest = 2 * max(particle.radius for particle in particles)
    slab = find_slab(tomogram.volume, tomogram.voxel_size, thinnest)
    if slab is None:
        return None, []
    if picks is not None and len(picks):
        inside = are_inside(slab, picks.position_zyx, settings.slab_margin)
        num = int(np.count_nonzero(~inside))
        if num > max(1, MAX_OUTSIDE * len(picks)) or 2 * num > len(picks):
            return None, [
                f"{tomogram.name}: {num} of {len(picks)} known picks lie outside of the"
                f" slab that preprocess.find_slab found ({_told(slab, tomogram)});"
                f" expected {_allowed(len(picks))}, so it is not used: check the"
                " picks, or give slab_z_low and slab_z_high in the table"
            ]
    if mask is not None:
        found = inside_slab(
            slab, tomogram.shape_zyx, tomogram.voxel_size, settings.slab_margin
        )
        if not (found & mask).any():
            return None, [
                f"{tomogram.name}: the mask has no voxel in the slab that"
                f" preprocess.find_slab found ({_told(slab, tomogram)}); expected some,"
                " so the slab is not used: check the mask"
            ]
    logger.info("%s: slab found, %s", tomogram.name, _told(slab, tomogram))
    return slab, []


def _allowed(num_picks: int) -> str:
    """Return how many picks may lie outside, in words."""
    num = max(int(num_picks > 1), int(MAX_OUTSIDE * num_picks))
    return f"at most {num}" if num else "none"


def _told(slab: Slab, tomogram: Tomogram) -> str:
    """Return where the faces are, in words."""
    _, *last = ((size - 1) * tomogram.voxel_size for size in tomogram.shape_zyx)
    y, x = last[0] / 2, last[1] / 2

    def side(face: Face | None) -> str:
        if face is None:
            return "the tomogram's own"
        return f"{face.z(y, x):.0f} Å (tilted by {face.tilt:.1f} degrees)"

    return (
        f"z in the middle from {side(slab.low)} to {side(slab.high)}; spread inside"
        f" {slab.ratio:.2f} times that outside"
    )
