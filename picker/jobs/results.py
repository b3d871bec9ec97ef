"""What a job made, as plain values for other programs: of its manifests and tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from picker.formats.tables.tsv import read_rows
from picker.project.manifests import read_failed, read_manifest
from picker.project.records import Failed, Picked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from picker.project.records import Entry


NAMES = ("tomogram", "particle", "method")
"""Columns of tables that have names."""


def manifest_result(path: Path) -> dict[str, object]:
    """Return what a stage made of its tomograms, as the manifest it wrote has it.

    Returns
    -------
    `output`, the manifest; `tomograms`, the names of those that are done; `failed`,
    the others with the reason; `warnings` of each that has some; after picking `picks`,
    the number of each class in each tomogram. Copies and halves have their tomogram's
    name.
    """
    entries = read_manifest(path).tomograms
    done = [entry for entry in entries if not isinstance(entry, Failed)]
    found: dict[str, object] = {
        "output": path,
        "tomograms": list(dict.fromkeys(entry.tomogram for entry in done)),
        "failed": _reasons(entries),
        "warnings": {e.tomogram: list(e.warnings) for e in entries if e.warnings},
    }
    picked = [entry for entry in done if isinstance(entry, Picked)]
    if picked:
        found["picks"] = {entry.tomogram: entry.counts for entry in picked}
    return found


def failed_result(path: Path | None) -> dict[str, str]:
    """Return the tomograms that a later stage could not use, each with the reason."""
    return _reasons(read_failed(path)) if path else {}


def table_result(path: Path) -> list[dict[str, str | float | None]]:
    """Return the rows of a table (TSV) that a job wrote; an empty cell is None.

    Names, as of tomograms and classes, stay texts, also those that look like numbers.
    """
    return [
        {
            column: text if column in NAMES else _value(text)
            for column, text in row.items()
        }
        for row in read_rows(path)
    ]


def _reasons(entries: Iterable[Entry]) -> dict[str, str]:
    return {e.tomogram: e.error for e in entries if isinstance(e, Failed)}


def _value(text: str) -> str | float | None:
    """Return a cell's number, which JSON can have if it is finite, or its text."""
    try:
        number = float(text)
    except ValueError:
        return text or None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and "." not in text else number
