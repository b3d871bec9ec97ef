"""Tab-separated tables with a header: read, checked and written."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from picker.core.files import checked_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SHOWN = 10
"""Most problems of one table that a message names."""


def read_tsv(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    setting: str,
    *,
    otherwise: str = "",
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's line number and its values by column; blank lines are skipped.

    Parameters
    ----------
    path
        UTF-8, with or without byte order mark, with any line endings.
    required, optional
        Names of columns, in any order.
    setting
        The setting that names the table, for messages.
    otherwise
        What else may be done where there is no such file, for its message.

    Raises
    ------
    ValueError
        If the file or a required column is missing, a column is unknown or appears
        twice, or a row has more values than the header.
    """
    if not checked_file(path, "a table").is_file():
        raise ValueError(
            f"table {path} does not exist; set {setting} to its path{otherwise}"
        )
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter="\t")
        try:
            columns = [name.strip() for name in next(reader, [])]
            _check_columns(path, columns, required, optional)
            for cells in reader:
                values = [cell.strip() for cell in cells]
                if not any(values):
                    continue
                if len(values) > len(columns):
                    raise ValueError(
                        f"table {path}, line {reader.line_num} has {len(values)}"
                        f" values; expected {len(columns)} ({', '.join(columns)})"
                    )
                # Spreadsheets leave out empty cells at the end of a line.
                values += [""] * (len(columns) - len(values))
                yield reader.line_num, dict(zip(columns, values, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"table {path} cannot be read ({error}); expected tab-separated UTF-8"
            ) from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table that a stage wrote, as text by column.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    expected = "a table that a stage wrote"
    with checked_file(path, expected).open(newline="", encoding="utf-8") as file:
        try:
            return list(csv.DictReader(file, delimiter="\t"))
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); expected {expected}. Delete it and run"
                " again, so that it is made again"
            ) from error


def text_of_rows(
    rows: Sequence[Mapping[str, str | float | None]],
    columns: Sequence[str] = (),
    digits: int | None = None,
) -> str:
    """Return a table that `read_rows` reads; None is an empty cell.

    Parameters
    ----------
    rows
        Values by column.
    columns
        Names of the first columns, which are there without any row too; others follow
        as rows have them.
    digits
        Digits after the point of each float, but not of an int; None: all.

    Returns
    -------
    An empty text where there are neither columns nor rows.
    """
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    lines = [names] if names else []
    lines += [[_cell(row.get(name), digits) for name in names] for row in rows]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: str | float | None, digits: int | None) -> str:
    if value is None:
        return ""
    if digits is not None and isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value)


def _check_columns(
    path: Path, columns: list[str], required: Sequence[str], optional: Sequence[str]
) -> None:
    known = (*required, *optional)
    problems = [f"no column {name}" for name in required if name not in columns]
    problems += [f"unknown column {name!r}" for name in columns if name not in known]
    if len(set(columns)) < len(columns):
        problems.append("a column twice")
    if problems:
        also = f", optional {', '.join(optional)}" if optional else ""
        raise ValueError(
            f"table {path} has {'; '.join(problems)}; expected a first line with"
            f" {', '.join(required)}{also}, separated by tabs"
        )


def repeated_name(
    lines: dict[str, tuple[int, str]], line: int, in_table: str, name: str
) -> list[str]:
    """Return a problem if an earlier line has this name, else remember the line.

    Parameters
    ----------
    lines
        Line and name in the table, for each name in files so far.
    line
        Number of this line.
    in_table, name
        Name of its tomogram in the table, and in files.
    """
    if name not in lines:
        lines[name] = (line, in_table)
        return []
    first, other = lines[name]
    if in_table == other:
        text = f"tomogram {in_table} stands in line {first} already"
    else:
        text = (
            f"tomogram {in_table!r} is called {name} in files, as {other!r} of line"
            f" {first} is"
        )
    return [f"line {line}: {text}; names must differ, rename one"]


def check_rows(path: Path, problems: Sequence[str], num_rows: int) -> None:
    """Check that a table has rows and no problems.

    Raises
    ------
    ValueError
        If there are problems, of which the message names the first ten, or no rows.
    """
    if problems:
        more = len(problems) - SHOWN
        raise ValueError(
            "\n  ".join(
                [
                    f"table {path} has {len(problems)} problems:",
                    *problems[:SHOWN],
                    *([f"and {more} more"] if more > 0 else []),
                ]
            )
        )
    if not num_rows:
        raise ValueError(f"table {path} has no rows; name at least one tomogram")
