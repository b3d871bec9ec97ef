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
    """Return the table of rounds if it has a line about a run's table, else nothing.

    So a run on another table does not see that somebody writes one beside it.
    """
    rounds = rounds_of(settings.table)
    if settings.source != "table" or not rounds.is_file():
        return []
    lines = rounds.read_text("utf-8", errors="replace").splitlines()
    names = {line.partition("\t")[0] for line in lines}
    return [str(rounds)] if settings.table.parent.name in names else []
