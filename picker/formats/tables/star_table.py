"""Tables in STAR files: read in one pass, every damaged row refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from picker.core.files import checked_file, written_whole
from picker.core.messages import cut
from picker.formats.tables.columns import BATCH, Table, new_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

WORDS = ("data_", "loop_", "_", "#")
"""A value that begins like this must be quoted."""
NOTE = re.compile(r"#\s*(\w+): (.*)")
"""A comment that holds a value."""
WORD = re.compile(
    r"""(?P<comment>\#.*)|"(?P<double>[^"]*)"(?!\S)|'(?P<single>[^']*)'(?!\S)|\S+"""
)
"""A word, in quotes if it has blanks, or a comment, which starts where a word may."""


def read_tables(
    path: Path, texts: Collection[str], numbers: Collection[str]
) -> list[Table]:
    """Return a file's tables, with the columns that are named.

    Blank lines and comments may stand anywhere. A line `_name value` outside of a loop
    is a column of a table with one row.

    Parameters
    ----------
    path
        A STAR file.
    texts, numbers
        Names of columns to read as text, so that 01 stays 01, and as numbers. Others
        may hold anything.

    Raises
    ------
    ValueError
        If the file is no STAR text, two tables have one name, or a row has too few or
        too many values.

    Source: RELION, https://relion.readthedocs.io, conventions of STAR files; CIF's
    syntax, https://www.iucr.org/resources/cif, for quotes and comments.
    """
    parser = _Parser(path, texts, numbers)
    try:
        with checked_file(path, "STAR").open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                parser.take(number, line)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text; expected a STAR file") from error
    parser.close()
    if not parser.tables:
        raise ValueError(f"{path} has no STAR table; expected a line data_ and a loop_")
    return parser.tables


class _Parser:
    """The tables of a file up to a line."""

    def __init__(
        self, path: Path, texts: Collection[str], numbers: Collection[str]
    ) -> None:
        self.path, self.texts, self.numbers = path, texts, numbers
        self.tables: list[Table] = []
        self.names: set[str] = set()
        self.name: str | None = None
        self.header: list[str] = []
        self.items: list[str] = []
        self.rows: list[list[str]] = []
        self.num_rows = 0
        self.table: Table | None = None
        self.in_loop = False

    def take(self, number: int, line: str) -> None:
        """Take the next line."""
        words = line.split()
        if '"' in line or "'" in line or "#" in line:
            words = list(_words(line))
        if not words:
            return
        begun = bool(self.rows or self.num_rows)
        # Rows are tested first: a file may have a million of them.
        if (
            self.in_loop
            and len(words) == len(self.header)
            and ((begun and len(words) > 1) or self._is_row(words, line, begun))
        ):
            self.rows.append(words)
            if len(self.rows) == BATCH:
                self._flush()
        elif line.lstrip().startswith("data_"):
            self._open(line.strip()[5:] if len(words) > 1 else words[0][5:])
        elif self.name is None:
            return  # text above the first table
        elif words == ["loop_"]:
            self.close()
            self.in_loop = True
        elif self.in_loop and not begun and _is_column(words, len(self.header)):
            self.header.append(words[0][1:])
        elif self.in_loop:
            self._refuse_row(number, words)
        elif words[0].startswith("_") and len(words) == 2:
            self.header.append(words[0][1:])
            self.items.append(words[1])
        else:
            raise self._error(
                f"line {number} is {cut(' '.join(words))}",
                "data_, loop_ or _name value",
            )

    def _is_row(self, words: list[str], line: str, begun: bool) -> bool:
        """Return whether a line with as many words as columns is a row."""
        if len(words) == 1 and line.lstrip().startswith(("data_", "loop_")):
            return False
        return begun or not _is_column(words, len(self.header))

    def _open(self, name: str) -> None:
        self.close()
        if name in self.names:
            # The second would replace the first.
            raise ValueError(
                f"{self.path} has several tables called data_{cut(name)}; expected each"
                " name once, split the file or rename them"
            )
        self.names.add(name)
        self.name = name

    def close(self) -> None:
        """End the table that is open."""
        if self.header:
            if self.items:
                self.rows = [self.items]
            self._flush()
        self.header, self.items, self.rows = [], [], []
        self.table, self.num_rows, self.in_loop = None, 0, False

    def _flush(self) -> None:
        """Add the rows that wait to the table, which is made with its first ones."""
        if self.table is None:
            self.table = new_table(
                self.path, self.name or "", self.header, self.texts, self.numbers
            )
            self.tables.append(self.table)
        places = range(self.num_rows + 1, self.num_rows + len(self.rows) + 1)
        self.table.add(self.rows, places)
        self.num_rows += len(self.rows)
        self.rows = []

    def _refuse_row(self, number: int, words: list[str]) -> None:
        row = self.num_rows + len(self.rows) + 1
        if len(words) < len(self.header):
            raise ValueError(
                f"{self.path}: row {row} has no {cut(self.header[len(words)])} (short"
                f" row in line {number}); expected a value in every column, fix the"
                " row"
            )
        raise self._error(
            f"line {number} has {len(words)} values for {len(self.header)} columns",
            "as many values in each row as the header has columns",
        )

    def _error(self, found: str, expected: str) -> ValueError:
        return ValueError(
            f"{self.path} cannot be read as STAR ({found}); expected {expected}, fix"
            " it or write it again"
        )


def _words(line: str) -> Iterator[str]:
    """Yield a line's words, without quotes and comments."""
    for found in WORD.finditer(line):
        if found["comment"] is not None:
            return
        quoted = found["double"] if found["single"] is None else found["single"]
        yield found[0] if quoted is None else quoted


def _is_column(words: list[str], num: int) -> bool:
    """Return whether a line names a column: `_name`, or `_name` and its number."""
    return words[0].startswith("_") and words[1:] in ([], [str(num + 1)])


def write_block(
    path: Path,
    block: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    comments: Iterable[str] = (),
    *,
    are_numbered: bool = True,
) -> None:
    """Write one loop, atomically; without rows, only its header.

    `are_numbered` says whether a number follows each column's name, as RELION has it.
    """
    lines = [f"# {comment}" for comment in comments]
    lines += ["", f"data_{block}", "", "loop_"]
    lines += [
        f"_{name} #{number}" if are_numbered else f"_{name}"
        for number, name in enumerate(columns, 1)
    ]
    lines += [" ".join(map(_word, row)) for row in rows]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join([*lines, "", ""]), encoding="utf-8")


def _word(value: str) -> str:
    """Return a value, in quotes if a reader would not take it for one word."""
    is_plain = value.split() == [value] and not value.startswith(WORDS)
    return value if is_plain else f'"{value}"'


def read_comments(path: Path) -> dict[str, str]:
    """Return the comments `# name: value` above the first table."""
    notes = {}
    with checked_file(path, "STAR").open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                break
            if found := NOTE.fullmatch(line.strip()):
                notes[found[1]] = found[2]
    return notes
