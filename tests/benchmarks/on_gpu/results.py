"""What the script for a GPU finds: its results, their file, and tables of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict
from records import read_record

from picker.core.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Value = float | int | str | bool | None
Status = Literal["measured", "passed", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One measurement or check.

    Attributes
    ----------
    section, table, name
        Where it belongs, and what was measured.
    status
        `measured`: a number without judgement; a check has `passed` or `failed`, and is
        `skipped` where it could not be made.
    values
        What was found; the names have the units.
    reason
        Why it failed, was skipped, or is other than planned.
    """

    section: str
    table: str
    name: str
    status: Status
    values: dict[str, Value] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All results of one run, and what is needed to judge them."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    command: str
    date: str
    minutes: float
    toy: bool
    code: dict[str, Value]
    """Version, commit and digest of the code."""
    machine: dict[str, Value]
    """GPU, driver, torch and so on; None where there is none."""
    results: tuple[Result, ...] = ()

    def with_result(self, result: Result) -> Report:
        """Return it with one result more."""
        return replace(self, results=(*self.results, result))


def write_report(path: Path, report: Report) -> None:
    """Write the report as JSON: a reader sees the old one or the new one."""
    write_json(path, asdict(report))


def read_report(path: Path) -> Report:
    """Return what `write_report` wrote.

    Raises
    ------
    ValueError
        If the file is missing or is another one.
    """
    return read_record(path, Report, "tests/benchmarks/gpu.py")


def markdown(report: Report) -> str:
    """Return the report as Markdown: what it was measured on, then a table a topic."""
    known = {**report.machine, **report.code, "date": report.date}
    said = ", ".join(f"{k} {v}" for k, v in known.items() if v is not None)
    toy = " **Toy size: the figures mean nothing.**" if report.toy else ""
    parts = [f"{said}; `{report.command}`.{toy}"]
    topics = dict.fromkeys((r.section, r.table) for r in report.results)
    for section, table in topics:
        rows = [r for r in report.results if (r.section, r.table) == (section, table)]
        parts.append(f"**{section}: {table}**\n\n{_table(rows)}")
    return "\n\n".join(parts) + "\n"


def _table(results: Iterable[Result]) -> str:
    """Return a table; it has columns for status and reason where they say something."""
    rows = [
        {
            "what": r.name,
            "status": "" if r.status == "measured" else r.status,
            **r.values,
            "why": r.reason,
        }
        for r in results
    ]
    names = [n for n in dict.fromkeys(n for row in rows for n in row) if n != "why"]
    columns = [
        name
        for name in [*names, "why"]
        if name not in ("status", "why") or any(row[name] for row in rows)
    ]
    lines = [columns, ["---"] * len(columns)]
    lines += [[_text(row.get(name)) for name in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(value: Value) -> str:
    """Return a value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
