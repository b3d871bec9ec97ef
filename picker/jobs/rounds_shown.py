"""What rounds of answers brought: lines of their table beside this run's figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.formats.tables.tsv import read_rows
from picker.jobs.review_rounds import ANSWERS
from picker.project.rounds import rounds_of
from picker.report.data import RoundRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from picker.jobs.run_figure import Figure


def rounds_shown(
    rounds: Path, table: Path, method: str, now: Figure | None
) -> list[RoundRecord]:
    """Return the rounds whose answers are in a run's table, the earliest first.

    Parameters
    ----------
    rounds
        The table of rounds.
    table
        Tomograms of this run. Of another table than a round's there is nothing.
    method
        That of this run.
    now
        How good this run is; None: not measured.

    Raises
    ------
    ValueError
        If the table of rounds is damaged.
    """
    rows = {row.get("round"): row for row in read_rows(rounds)}
    found: dict[str, RoundRecord] = {}
    # Each adds to the table of one before.
    while rounds_of(table).resolve() == rounds.resolve():
        name = table.parent.name
        if name not in rows or name in found:
            break
        try:
            found[name] = _record(rows[name], name, method, now)
        except ValueError as error:
            raise ValueError(
                f"{rounds}, {name}: {error}; expected a table that picker review wrote."
                " Correct the line, or move the file away to do without it"
            ) from error
        table = Path(rows[name].get("table") or ".")
    return list(found.values())[::-1]


def _record(
    row: Mapping[str, str | None], name: str, method: str, now: Figure | None
) -> RoundRecord:
    """Return a round with the difference of this run from the one before it."""
    before = row.get("before") or ""
    of = row.get("method") or method
    of_other = "" if of == method else f" ({of})"
    value = float(text) if (text := row.get("value")) else None
    why = _why_not(row, now)
    difference = None
    if not why and now and now.value is not None and value is not None:
        difference = now.value - value
    return RoundRecord(
        name=name,
        answers={key: int(row.get(key) or 0) for key in ANSWERS},
        before=f"{before}{of_other}" if before else "not measured",
        difference=difference,
        why=why,
    )


def _why_not(row: Mapping[str, str | None], now: Figure | None) -> str:
    """Return why a run and the one before a round have no difference, else nothing."""
    if now is None:
        return "this run is not measured"
    if not row.get("before"):
        return "nothing to compare with"
    if not row.get("judged_on"):
        return "perhaps not comparable: nobody wrote down what it was measured on"
    if row.get("measure") != now.measure:
        return "not comparable: another measure"
    if row.get("judged_on") != now.judged_on:
        return "not comparable: other tomograms, or other known particles in them"
    return ""
