"""What is measured on a CPU: its rows, their file, one table of several machines."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from pydantic import ConfigDict
from records import read_record

from picker.core.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

PROGRAM = "tests/benchmarks/performance.py"
BUSY = 0.5
"""Load of a machine from which on others' work slows what is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One thing that was measured.

    Attributes
    ----------
    name
        What; it has the unit, in brackets, and after a semicolon what the ratio is to.
    rounds
        What each round gave.
    ratios
        The same over something else that was measured in turns with it, if any.
    aim
        The most that the ratio should be, or where there is none, what was measured.
    """

    name: str
    rounds: tuple[float, ...]
    ratios: tuple[float, ...] = ()
    aim: float | None = None

    def __str__(self) -> str:
        """Return the median, and in brackets the least and the most; so the ratio."""
        return "; ".join(map(spread, filter(None, (self.rounds, self.ratios))))


def over(
    numerators: Sequence[float], denominators: Sequence[float]
) -> tuple[float, ...]:
    """Return the ratio of each round."""
    return tuple(a / b for a, b in zip(numerators, denominators, strict=True))


def spread(values: Sequence[float]) -> str:
    """Return the median of some rounds, and in brackets the least and the most."""
    three = statistics.median(values), min(values), max(values)
    median, least, most = map(number, three)
    return median if least == most else f"{median} ({least} to {most})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What one part of the command found, which can be run by itself.

    Attributes
    ----------
    title
        What is measured, and on what.
    command, date, code
        What was run, when, and of which version and commit.
    load
        The machine's when the command began: processes that wanted a core.
    seconds
        That the part took.
    rows
        What was found.
    reason
        Why it failed; empty if it did not.
    """

    title: str
    command: str
    date: str
    code: dict[str, str | None]
    load: float
    seconds: float
    rows: tuple[Row, ...]
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All parts that were measured on one machine."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    toy: bool
    machine: dict[str, str | int | float | bool]
    """Processor, whether it has AMX, threads, memory, versions."""
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What the machine is, in words."""
        known = self.machine
        amx = "AMX" if known["AMX"] else "no AMX"
        threads = "1 thread" if known["threads"] == 1 else f"{known['threads']} threads"
        return f"{known['processor']}, {amx}, {threads}"

    @property
    def date(self) -> str:
        """When the last part was measured."""
        return max((part.date for part in self.parts.values()), default="")

    def find(self, part: str, name: str) -> Row | None:
        """Return a row; None if it was not measured."""
        rows = self.parts[part].rows if part in self.parts else ()
        return next((row for row in rows if row.name == name), None)


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
    return read_record(path, Report, PROGRAM)


def number(value: float) -> str:
    """Return a number as the table shows it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(reports: Sequence[Report]) -> str:
    """Return one table with a column a machine, and below it what the machines are."""
    parts = dict.fromkeys(name for report in reports for name in report.parts)
    lines = [["what", "aim", *(report.label for report in reports)]]
    lines.append(["---"] * len(lines[0]))
    for part in parts:
        lines += _lines(part, reports)
    table = "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)
    toy = "**Toy size: the figures mean nothing.**\n\n"
    about = "\n".join(f"- {text}" for text in map(_about, reports))
    return f"{toy if any(r.toy for r in reports) else ''}{table}\n\n{about}\n"


def _lines(name: str, reports: Sequence[Report]) -> Iterator[list[str]]:
    """Yield a part's lines: its title, then each thing that some machine measured."""
    found = [report.parts.get(name) for report in reports]
    title = next(part.title for part in found if part)
    yield [f"**{title}**", "", *map(_state, found)]
    rows = {row.name: row for part in found if part for row in part.rows}
    for row in rows.values():
        aim = "" if row.aim is None else f"≤ {number(row.aim)}"
        cells = (report.find(name, row.name) for report in reports)
        yield [row.name, aim, *("" if one is None else str(one) for one in cells)]


def _state(part: Part | None) -> str:
    """Return what to know before a part's figures are believed."""
    if part is None:
        return "not measured"
    said = [f"failed: {part.reason}"] if part.reason else []
    if part.load > BUSY:
        said.append(f"busy: load {part.load:.1f} at the start")
    return "; ".join(said)


def _about(report: Report) -> str:
    """Return what a machine is, and what ran there."""
    in_label = ("processor", "AMX", "threads")
    known = ((k, v) for k, v in report.machine.items() if k not in in_label)
    said = ", ".join(f"{name} {value}" for name, value in known)
    parts = report.parts.values()
    codes = _several(part.code["commit"] or part.code["digest"] for part in parts)
    commands = _several(f"`{part.command}`" for part in parts)
    return f"{report.label}: {said}; commit {codes}; {report.date}; {commands}."


def _several(values: Iterable[str | None]) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(values))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
