"""Rounds of answers: each adds to the table of one before, and none is lost."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.formats.tables.tomograms import read_table
from picker.formats.tables.tsv import read_rows, text_of_rows
from picker.jobs.run_figure import figure_of
from picker.project.rounds import FOLDER, ROUNDS, TABLE, rounds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from picker.config import TomogramRow
    from picker.formats.tables.review import Review
    from picker.project.layout import Run

logger = logging.getLogger("picker")

ANSWERS = ("right", "wrong", "other", "missed")


def next_round() -> Path:
    """Return the first folder of a round after all that are there."""
    return FOLDER / f"round_{_last() + 1}"


def newest_rows(
    table: Path, rows: Sequence[TomogramRow]
) -> tuple[Path, Sequence[TomogramRow]]:
    """Return the table that the next round adds to, and its rows.

    It is the newest round's, which has the answers of all before, even if no run has
    trained on them yet.

    Parameters
    ----------
    table, rows
        Of the run that was reviewed. Of a run without a table, the word for where its
        tomograms come from.

    Raises
    ------
    ValueError
        If the newest round does not build on that table, as it is now.
    """
    number = _last(TABLE)
    newest = FOLDER / f"round_{number}" / TABLE
    if not number or newest.resolve() == table.resolve():
        return table, rows
    found = read_table(newest)
    if not _builds_on(newest, table) or not _all_grown(found, rows):
        raise ValueError(
            f"{newest} has earlier answers and is not the table of the last run,"
            f" {table}, with answers added; expected one table to add the new ones to."
            f" Name it: --table {newest} keeps the earlier answers, another leaves them"
            f" out, and so does it to move {newest.parent} away"
        )
    logger.info(
        "the answers are added to those of %s, though the last run trained on %s;"
        " --table names another table to add them to",
        *(newest, table),
    )
    return newest, found


def record_round(
    output: Path, table: Path, reviews: Iterable[Review], run: Run
) -> None:
    """Add a line to the table of rounds: the answers, and how good the run was."""
    given = Counter[str](one.answer for review in reviews for one in review.answers)
    halves = Path(run.halves("*"))
    before = figure_of(
        [file for file in map(Path, (run.metrics, run.by_tomogram)) if file.is_file()],
        file if (file := Path(run.reproducibility)).is_file() else None,
        sorted(halves.parent.glob(halves.name)),
    )
    row: dict[str, str | float | None] = {
        "round": output.name,
        "table": str(table),
        "method": run.method,
        **{name: given[name] for name in ANSWERS},
        "before": before.text if before else None,
        "measure": before.measure if before else None,
        "value": before.value if before else None,
        "judged_on": before.judged_on if before else None,
    }
    path = output.parent / ROUNDS
    earlier = read_rows(path) if path.is_file() else []
    write_text(path, text_of_rows([*earlier, row]))


def _last(file: str = "") -> int:
    """Return the highest number of a round, of those that have a file; 0: none."""
    names = (
        folder.name.removeprefix("round_")
        for folder in FOLDER.glob("round_*")
        if (folder / file).exists()
    )
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _builds_on(table: Path, other: Path) -> bool:
    """Return whether a round's table was made from another, or from one made of it."""
    seen = set[Path]()
    while table.resolve() not in seen:
        seen.add(table.resolve())
        rounds = rounds_of(table)
        lines = read_rows(rounds) if rounds.is_file() else []
        before = [
            line.get("table")
            for line in lines
            if line.get("round") == table.parent.name
        ]
        if not before or not before[-1]:
            return False
        table = Path(before[-1])
        if table.resolve() == other.resolve():
            return True
    return False


def _all_grown(rows: Sequence[TomogramRow], before: Sequence[TomogramRow]) -> bool:
    """Return whether rows are others, or what answers make of them."""
    return [row.tomogram for row in rows] == [row.tomogram for row in before] and all(
        _grown(*pair) for pair in zip(rows, before, strict=True)
    )


def _grown(row: TomogramRow, before: TomogramRow) -> bool:
    added = row.split == before.split and (
        row.picks[: len(before.picks)] == before.picks
    )
    own = row.model_copy(update={"split": before.split, "picks": before.picks})
    return own == before and (added or row.split == "reviewed")
