"""The known picks of a tomogram, checked before anything is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.tomogram import index_from_position
from picker.formats.picks.known import read_known_picks
from picker.refining.answers import answers_of
from picker.refining.select import in_region
from picker.volumes.contrast import check_contrast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Particle, PreprocessSettings, TomogramRow
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram


def picks_of_row(
    row: TomogramRow,
    tomogram: Tomogram,
    particles: tuple[Particle, ...],
    settings: PreprocessSettings,
) -> tuple[Picks, list[str]]:
    """Return a tomogram's known picks, and warnings, also if they look light.

    Raises
    ------
    ValueError
        If a file of picks cannot be used.
    """
    picks, warnings = read_picks_of_row(
        row, particles, tomogram.voxel_size, tomogram.shape_zyx
    )
    known = particles_of(row, picks)
    radius = {particle.name: particle.radius for particle in particles}
    radii = np.array([radius[str(name)] for name in known.particle], np.float64)
    contrast = check_contrast(
        tomogram.volume,
        index_from_position(known.position_zyx, tomogram.voxel_size),
        radii / tomogram.voxel_size,
        settings.particles_are,
    )
    return picks, warnings + ([f"{row.tomogram}: {contrast}"] if contrast else [])


def read_picks_of_row(
    row: TomogramRow,
    particles: tuple[Particle, ...],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> tuple[Picks, list[str]]:
    """Return a tomogram's known picks, read as its row says, and warnings.

    Parameters
    ----------
    row
        With what the settings say of all rows, see `completed_rows`.
    particles
        The classes that may occur.
    voxel_size, shape_zyx
        Of the user's volume, [Å] and voxels.

    Raises
    ------
    ValueError
        If a file of picks cannot be used.
    """
    return read_known_picks(
        row.picks,
        row.tomogram,
        particles,
        voxel_size,
        shape_zyx,
        row.tilt_pixel_size,
        row.outside,
        row.contours,
        row.called,
    )


def particles_of(row: TomogramRow, picks: Picks) -> Picks:
    """Return the picks that are particles, as of a reviewed tomogram not all are."""
    return answers_of(picks).right if row.split == "reviewed" else picks


def check_expected(row: TomogramRow, picks: Picks) -> None:
    """Compare the labels of a partial tomogram with the numbers that are expected.

    Raises
    ------
    ValueError
        If there are more labels than there should be particles.
    """
    for name, number in row.expected.items():
        labeled = len(picks.of(name))
        if labeled > number:
            raise ValueError(
                f"{row.tomogram} has {labeled} labels of {name}, more than the"
                f" {number} that its column expected says there are; expected the"
                " number of all of them, labeled ones included, or unknown"
            )


def excluded_picks(
    picks: Picks, tomogram: Tomogram, region: NDArray[np.bool_]
) -> list[str]:
    """Return a warning if known picks lie where none will be found."""
    inside = in_region(
        picks.position_zyx, tomogram.voxel_size, tomogram.shape_zyx, -np.inf, region
    )
    num = int(np.count_nonzero(~inside))
    if not num:
        return []
    return [
        f"{tomogram.name}: {num} of {len(picks)} known picks lie outside of the mask,"
        " the slab or too near to gold; they are not trained on, and no picks will be"
        " found there"
    ]
