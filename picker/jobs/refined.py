"""Candidates as the settings of `pick` want them, read from their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.tomogram import Tomogram
from picker.formats.picks.star import read_picks
from picker.jobs.stored import whole_volume
from picker.refining.steps import refined

if TYPE_CHECKING:
    from picker.config import Particle, PickSettings
    from picker.core.picks import Picks
    from picker.project.records import Predicted, Preprocessed


def refined_candidates(
    entry: Predicted, particles: tuple[Particle, ...], settings: PickSettings
) -> Picks:
    """Return a tomogram's candidates after the steps before thresholds.

    A copy's or half's candidates are looked at in the tomogram itself.

    Raises
    ------
    ValueError
        If candidates or volume cannot be read.
    """

    def read() -> Tomogram:
        before: Preprocessed = entry.preprocessed
        return Tomogram(
            name=before.tomogram,
            volume=whole_volume(before),
            voxel_size=before.voxel_size,
        )

    return refined(read_picks(entry.candidates), particles, settings, read)
