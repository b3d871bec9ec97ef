"""Columns of a text table, collected in batches: numbers as arrays, names as text.

Only columns that are read are kept, and only these must have values: programs write
`nan`, `<NA>` or nothing into others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from picker.core.messages import cut, shown
from picker.formats.text import is_missing, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BATCH = 8192
"""Rows that are held as words at a time, as a million of them would fill the memory."""


@dataclass(slots=True)
class Table:
    """One table of a file, with the columns that are read.

    Attributes
    ----------
    path
        The file, for messages.
    name
        The table's name in the file.
    index
        Number of each column, by name.
    row
        Word for a row in messages: "row", or "line" if the numbers are those of lines.
    """

    path: Path
    name: str
    index: dict[str, int]
    row: str
    _texts: dict[str, list[str]]
    _numbers: dict[str, list[NDArray[np.float64]]]
    _places: list[Sequence[int]] = field(default_factory=list)
    _missing: dict[str, int] = field(default_factory=dict)
    _bad: dict[str, tuple[int, str]] = field(default_factory=dict)
    _infinite: dict[str, tuple[int, str]] = field(default_factory=dict)
    _seen: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        """Return whether the table has a column with this name."""
        return name in self.index

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self._places))

    def add(self, rows: Sequence[Sequence[str]], places: Sequence[int]) -> None:
        """Add rows as long as the header; `places` are their numbers for messages."""
        if not rows:
            return
        self._places.append(places)
        cells = list(zip(*rows, strict=True))
        for name, texts in self._texts.items():
            # A name that a million rows have is kept once.
            texts += [self._seen.setdefault(v, v) for v in cells[self.index[name]]]
        for name, parts in self._numbers.items():
            column = cells[self.index[name]]
            try:
                values = np.fromiter(map(float, column), np.float64, len(column))
            except ValueError:
                values = np.fromiter(map(_number, column), np.float64, len(column))
            parts.append(values)
            for i in np.flatnonzero(~np.isfinite(values)).tolist():
                if is_missing(column[i]):
                    self._missing.setdefault(name, places[i])
                else:
                    problems = self._infinite if np.isinf(values[i]) else self._bad
                    problems.setdefault(name, (places[i], column[i]))

    def raw(self, name: str) -> list[str]:
        """Return one column as text, with empty and missing values as they are."""
        return self._texts[name]

    def texts(self, name: str) -> list[str]:
        """Return one column as text.

        Raises
        ------
        ValueError
            If the column is missing, or a row has no value in it.
        """
        self._require(name)
        values = self._texts[name]
        if lacking := {text for text in set(values) if is_missing(text)}:
            row = next(i for i, text in enumerate(values) if text in lacking)
            places = (place for part in self._places for place in part)
            raise self._lacks(name, next(p for i, p in enumerate(places) if i == row))
        return values

    def numbers(
        self, name: str, *, may_lack: bool = False, may_be_infinite: bool = False
    ) -> NDArray[np.float64]:
        """Return one column as finite numbers; with `may_lack`, NaN for missing ones.

        With `may_be_infinite` infinite ones too.

        Raises
        ------
        ValueError
            If the column is missing, or a value is not a finite number.
        """
        self._require(name)
        kinds = (self._bad,) if may_be_infinite else (self._bad, self._infinite)
        if problems := [kind[name] for kind in kinds if name in kind]:
            place, text = min(problems)
            raise ValueError(
                f"{self.path}: {self.row} {place} has {name} {shown(text)}; expected a"
                f" finite number, fix the {self.row}"
            )
        if name in self._missing and not may_lack:
            raise self._lacks(name, self._missing[name])
        return np.concatenate([np.empty(0), *self._numbers[name]])

    def _require(self, name: str) -> None:
        if name not in self.index:
            raise ValueError(
                f"{self.path} has no column {name}, it has {listed(self.index)};"
                f" expected {name}, add it"
            )

    def _lacks(self, name: str, place: int) -> ValueError:
        return ValueError(
            f"{self.path}: {self.row} {place} has no {cut(name)} (short row, nan or"
            f" <NA>); expected a value in every column that is read, fix the"
            f" {self.row}"
        )


def new_table(
    path: Path,
    name: str,
    header: Sequence[str],
    texts: Collection[str],
    numbers: Collection[str],
    row: str = "row",
) -> Table:
    """Return a table without rows.

    Parameters
    ----------
    path, name, row
        As in `Table`.
    header
        Names of all columns.
    texts, numbers
        Names of columns to read, if the table has them.

    Raises
    ------
    ValueError
        If a column appears twice.
    """
    index: dict[str, int] = {}
    for number, column in enumerate(header):
        if column in index:
            raise ValueError(
                f"{path} has the column {cut(column)} twice; expected it once, fix"
                " the header"
            )
        index[column] = number
    return Table(
        path,
        name,
        index,
        row,
        {column: [] for column in header if column in texts},
        {column: [] for column in header if column in numbers},
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
