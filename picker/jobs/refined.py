"""Candidates and picks as the settings of `pick` want them, read from their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.tomogram import Tomogram
from picker.formats.picks.star import read_picks
from picker.formats.tables.star_table import read_comments
from picker.jobs.stored import whole_volume
from picker.refining.offsets import without_offsets
from picker.refining.steps import refined

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import Particle, PickSettings
    from picker.core.picks import Picks
    from picker.project.records import Predicted, Preprocessed

OFFSETS = "offsets"
"""Comment of a file of picks that names the classes with entries around each pick."""


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


def offset_classes(path: Path) -> list[str]:
    """Return the classes of a file of picks that have entries around each pick."""
    names = read_comments(path).get(OFFSETS, "")
    return [name for name in names.split(", ") if name]


def picks_alone(path: Path) -> Picks:
    """Return the picks of a file, each once: without the entries around them.

    Raises
    ------
    ValueError
        As `read_picks`.
    """
    return without_offsets(read_picks(path), offset_classes(path))
