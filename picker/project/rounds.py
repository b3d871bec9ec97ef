"""Where rounds of answers lie: a folder each, and beside these a table of all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picker.config import TomogramsSettings

FOLDER = Path("reviewed")
TABLE = "tomograms.tsv"
ROUNDS = "rounds.tsv"


def rounds_of(table: Path) -> Path:
    """Return the table of rounds that has a line about a round's table."""
    return table.parent.parent / ROUNDS


def rounds_beside(settings: TomogramsSettings) -> list[str]:
    """Return the table of rounds if a run's table may be of one, else nothing."""
    if settings.source != "table":
        return []
    rounds = rounds_of(settings.table)
    return [str(rounds)] if rounds.is_file() else []
