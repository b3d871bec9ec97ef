"""The pages that show the table: between two marks, of the machines measured last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from on_cpu.table import BUSY, markdown, read_report, spread

from picker.core.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from on_cpu.table import Report

BEGIN = "<!-- performance table: `make bench-pages` writes it -->"
END = "<!-- end of the performance table -->"
MACHINES = 3
"""As many of the last ones are shown."""
SHORT = {
    "a stored copy to candidates on disk [s]": ("prediction", "small: ours [s]"),
    "MONAI's sliding window for that, times as long": (
        "prediction",
        "small: MONAI's sliding window (96³, overlap .25, Gaussian), maximum filter"
        " [s]; / ours",
    ),
    "a raw file to candidates, times as long as the network alone": (
        "raw_file",
        "without (`preprocess.keep: trained`) [s]; / the network alone",
    ),
    "preprocessing a tomogram of which no copy is kept [CPU-seconds]": (
        "preprocessing",
        "`preprocess.keep: trained`: one tomogram more [CPU-seconds]",
    ),
    "memory of prediction beyond the program's own [tomograms of float32]": (
        "program",
        "small: one view, without a copy, peak memory [MB]; tomograms of float32"
        " beyond a tiny one's",
    ),
}
"""The README's lines: words, and the part and row whose ratio, or value, they show."""


def last_reports(folder: Path) -> list[Report]:
    """Return the reports of the machines that were measured last, the newest first.

    Raises
    ------
    ValueError
        If there is none, or one that cannot be shown.
    """
    reports = []
    for path in sorted(folder.glob("*.json")):
        report = read_report(path)
        if report.toy:
            raise ValueError(f"{path} is of toy size; expected figures of full size")
        reports.append(report)
    if not reports:
        raise ValueError(f"{folder} has no report (*.json); measure a machine first")
    return sorted(reports, key=lambda report: report.date, reverse=True)[:MACHINES]


def write_pages(root: Path) -> None:
    """Write the table into docs/performance.md, and its short form into the README.

    Raises
    ------
    ValueError
        If no machine was measured, or a page has not the two marks.
    """
    reports = last_reports(root / "docs/performance")
    for path, text in {
        root / "docs/performance.md": markdown(reports),
        root / "README.md": short(reports[0]),
    }.items():
        write_text(path, replaced(path, text))


def replaced(path: Path, text: str) -> str:
    """Return a page with other text between its marks.

    Raises
    ------
    ValueError
        If it has not each of them once, in this order.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise ValueError(f"{path} has not once {BEGIN} and below it once {END}")
    return f"{before}{BEGIN}\n{text.strip()}\n{END}{after}"


def short(report: Report) -> str:
    """Return a line for each figure of the README, and one that names the machine."""
    busy = any(part.load > BUSY for part in report.parts.values())
    state = ", busy" if busy else ""
    lines = [f"Small network, 184×630×630 voxels, one view, on {report.label}{state}:"]
    for words, (part, name) in SHORT.items():
        row = report.find(part, name)
        known = spread(row.ratios or row.rounds) if row else "not measured"
        lines.append(f"- {words}: {known}")
    return "\n".join(lines)
