"""The table of tomograms; read while the workflow is planned, so nothing heavy."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from picker.config import SPLITS, Config, TomogramRow, explained
from picker.formats.copick import find_tomograms

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUIRED = ("tomogram", "path", "split")
OPTIONAL = ("picks", "voxel_size", "mask")
SHOWN = 10
"""Errors of one table that are told at once."""


def tomogram_rows(config: Config) -> tuple[TomogramRow, ...]:
    """Return all tomograms of a project, wherever the settings say they are.

    Raises
    ------
    ValueError
        If the table or folder has errors; up to ten are told at once.
    """
    settings = config.tomograms
    if settings.source == "table":
        rows: Iterable[TomogramRow] = read_table(settings.table)
    elif settings.source == "copick":
        rows = find_tomograms(settings.copick)
    else:
        return _simulated_rows(config)
    checked = tuple(
        row
        if row.voxel_size
        else row.model_copy(update={"voxel_size": settings.voxel_size})
        for row in rows
    )
    _check_unique([row.tomogram for row in checked])
    return checked


def read_table(path: Path) -> tuple[TomogramRow, ...]:
    """Return the rows of a TSV table; relative paths count from the working folder.

    Columns: tomogram, path, split; optional picks (several apart by ';'),
    voxel_size [Å], mask.

    Raises
    ------
    ValueError
        Naming the lines that are wrong, or missing and unknown columns.
    """
    if not path.is_file():
        raise ValueError(f"table {path} does not exist; set tomograms.table")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="\t", restkey="")
        columns = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = columns
        missing = [name for name in REQUIRED if name not in columns]
        unknown = [name for name in columns if name not in REQUIRED + OPTIONAL]
        if missing or unknown:
            raise ValueError(
                f"table {path} has the columns {columns}; expected"
                f" {', '.join(REQUIRED)} and maybe {', '.join(OPTIONAL)}, apart by tabs"
            )
        rows, problems = [], []
        for line, values in enumerate(reader, 2):
            try:
                rows.append(_row(values))
            except ValidationError as error:
                problems.append(f"  line {line}: {explained(error).strip()}")
            except ValueError as error:
                problems.append(f"  line {line}: {error}")
            if len(problems) == SHOWN:
                problems.append("  … and maybe more")
                break
    if problems:
        raise ValueError(f"table {path}:\n" + "\n".join(problems))
    if not rows:
        raise ValueError(f"table {path} has no rows; name at least one tomogram")
    _check_unique([row.tomogram for row in rows])
    return tuple(rows)


def _row(values: dict[str, str]) -> TomogramRow:
    """Return one row; every file that it names must exist."""
    given = {k: (v or "").strip() for k, v in values.items() if k}
    picks = [part.strip() for part in given.get("picks", "").split(";")]
    row = TomogramRow.model_validate(
        {
            "tomogram": given["tomogram"],
            "path": given["path"],
            "split": given["split"],
            "picks": tuple(Path(part) for part in picks if part),
            "voxel_size": given.get("voxel_size") or None,
            "mask": given.get("mask") or None,
        }
    )
    for file in (row.path, *row.picks, *([row.mask] if row.mask else [])):
        if not file.exists():
            raise ValueError(f"{file} of tomogram {row.tomogram} does not exist")
    return row


def _check_unique(names: list[str]) -> None:
    """Refuse a name that stands twice: one's results would overwrite the other's."""
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in first:
            raise ValueError(
                f"tomogram {name} stands twice, in rows {first[name]} and {number};"
                " names must be unique, rename one"
            )
        first[name] = number


def _simulated_rows(config: Config) -> tuple[TomogramRow, ...]:
    """Return the rows of tomograms that the simulator will make."""
    rows: list[TomogramRow] = []
    counts = config.simulate.model_dump()
    for split in SPLITS:
        for _ in range(counts.get(split, 0)):
            name = f"sim_{len(rows):03d}"
            folder = Path("results/simulated")
            known = split in ("labeled", "validation", "test")
            rows.append(
                TomogramRow(
                    tomogram=name,
                    path=folder / f"{name}.mrc",
                    split=split,
                    picks=(folder / f"{name}.star",) if known else (),
                )
            )
    return tuple(rows)
