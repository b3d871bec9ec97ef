"""Detections of a tomogram [Å] from discs on its slices, and candidates from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.detections import Detections
from picker.core.picks import HIGHEST, Picks
from picker.core.tomogram import index_from_position, position_from_index
from picker.encodings.discs import Discs
from picker.finding.linking import linked

if TYPE_CHECKING:
    from picker.config import LinkSettings, Particle


def detections_from_discs(
    discs: Discs,
    particles: tuple[Particle, ...],
    voxel_size: float,
    min_chord: float = 0.0,
    step: int = 1,
) -> Detections:
    """Return the squares about discs [Å].

    Parameters
    ----------
    discs
        Of all slices.
    particles
        The classes, in the order of their numbers.
    voxel_size
        Edge of a voxel [Å].
    min_chord, step
        As in `Detections`.
    """
    names = np.array([p.name for p in particles], np.str_)
    index = np.column_stack([discs.slice_z, discs.centre_yx])
    return Detections(
        squares=Picks(
            position_zyx=position_from_index(index, voxel_size),
            particle=names[discs.particle],
            score=discs.score,
        ),
        side=discs.diameter * voxel_size,
        min_chord=min_chord,
        step=step,
    )


def discs_from_detections(
    found: Detections,
    particles: tuple[Particle, ...],
    voxel_size: float,
    depth: int,
) -> Discs:
    """Return the discs that squares are about.

    Parameters
    ----------
    found
        The squares [Å].
    particles
        The classes.
    voxel_size
        Edge of a voxel [Å].
    depth
        Number of slices of the tomogram.

    Raises
    ------
    ValueError
        If a square is of another class, or lies on no slice.
    """
    numbers = {particle.name: i for i, particle in enumerate(particles)}
    if unknown := set(found.squares.particle.tolist()) - numbers.keys():
        raise ValueError(
            f"detections of class {min(unknown)}; expected those of"
            f" {', '.join(numbers)}: add it to particles, or predict again"
        )
    index = index_from_position(found.squares.position_zyx, voxel_size)
    slice_z = np.round(index[:, 0]).astype(np.int64)
    if (bad := (slice_z < 0) | (slice_z >= depth)).any():
        z = found.squares.position_zyx[bad, 0][0]
        raise ValueError(
            f"a detection lies at z {z:g} Å, and the tomogram has {depth} slices of"
            f" {voxel_size:g} Å; expected one on a slice, from 0 to"
            f" {(depth - 1) * voxel_size:g} Å: is it another tomogram's?"
        )
    return Discs(
        slice_z=slice_z,
        centre_yx=index[:, 1:],
        diameter=found.side / voxel_size,
        particle=np.array([numbers[n] for n in found.squares.particle], np.int64),
        score=found.squares.score,
    )


def linked_candidates(
    found: Detections,
    particles: tuple[Particle, ...],
    voxel_size: float,
    depth: int,
    settings: LinkSettings,
) -> Picks:
    """Return the candidates [Å] that detections are of, best first.

    Parameters
    ----------
    found, particles, voxel_size, depth
        As for `discs_from_detections`; errors too.
    settings
        What belongs together.
    """
    discs = discs_from_detections(found, particles, voxel_size, depth)
    radius = np.array([p.radius for p in particles]) / voxel_size
    looked = found.min_chord, found.step
    chains = linked(discs, radius, depth, settings, *looked)
    names = np.array([p.name for p in particles], np.str_)
    return Picks(
        position_zyx=position_from_index(chains.index_zyx, voxel_size),
        particle=names[chains.particle],
        score=np.minimum(chains.score, HIGHEST),
    )
