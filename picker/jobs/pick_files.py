"""Files of picks, with entries around each pick (`pick.offsets`) or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.picks.star import read_picks
from picker.formats.tables.star_table import read_comments
from picker.refining.offsets import without_offsets

if TYPE_CHECKING:
    from pathlib import Path

    from picker.core.picks import Picks

OFFSETS = "offsets"
"""Comment of a file of picks that names the classes with entries around each pick."""


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
