"""CSV and TSV tables with columns x, y, z in Å, Kaggle's among them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.records import Coordinates, coordinates_from_xyz
from picker.formats.text import READABLE, cut, read_text

if TYPE_CHECKING:
    from pathlib import Path

PARTICLE_COLUMNS = ("particle", "particle_type")
TOMOGRAM_COLUMNS = ("tomogram", "experiment")
EXPECTED = "a table with columns x, y, z in Å"


def read_xyz_table(path: Path) -> Coordinates:
    """Return the positions [Å] of comma- or tab-separated columns x, y, z.

    Optional columns: particle or particle_type, tomogram or experiment, score.

    Raises
    ------
    ValueError
        If a column is missing, or a row is no finite numbers.
    """
    text = read_text(path, EXPECTED)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        return _table(path, text, delimiter)
    except csv.Error as error:  # a cell beyond 131,072 characters
        raise ValueError(
            f"{path} is no table ({error}); expected {EXPECTED}"
        ) from error


def _table(path: Path, text: str, delimiter: str) -> Coordinates:
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True
    )
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if not {"x", "y", "z"} <= set(columns):
        raise ValueError(
            f"{path} is no file of picks: it begins with {text[:60]!r}; expected"
            f" {READABLE}"
        )
    particle = next((name for name in PARTICLE_COLUMNS if name in columns), None)
    owner = next((name for name in TOMOGRAM_COLUMNS if name in columns), None)
    rows, numbers = [], []
    for row in reader:
        try:
            values = [float(row[axis]) for axis in "zyx"]
            values.append(float(row.get("score") or 1))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {reader.line_num}: {cut(error)}; expected numbers in"
                " x, y, z"
            ) from error
        if not np.isfinite(values).all():
            raise ValueError(
                f"{path}, line {reader.line_num} is not finite: z, y, x, score"
                f" {values}; expected numbers"
            )
        rows.append(row)
        numbers.append(values)
    table = np.array(numbers, np.float64).reshape(-1, 4)
    return coordinates_from_xyz(
        "CSV" if delimiter == "," else "TSV",
        "Å",
        table[:, 2::-1],
        score=table[:, 3],
        tomogram=_cells(rows, owner),
        particle=_cells(rows, particle),
    )


def _cells(rows: list[dict[str, str]], column: str | None) -> list[str] | None:
    """Return a column's cells; None if there is no such column."""
    if column is None:
        return None
    return [(row[column] or "").strip() for row in rows]
