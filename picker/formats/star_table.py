"""Tables in STAR files: every value as text, every damaged row refused."""

from __future__ import annotations

import linecache
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import starfile

from picker.formats.text import cut, listed, shown
from picker.whole import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WORDS = ("data_", "loop_", "_", "#")
"""Values that begin so must be quoted."""
NOTE = re.compile(r"#\s*(\w+): (.*)")


def read_blocks(
    path: Path, unused: Sequence[str] = ()
) -> dict[str, dict[str, list[str]]]:
    """Return block name: column name: values as text, so that 01 stays 01.

    Parameters
    ----------
    path
        A STAR file.
    unused
        Columns that are left out: programs write `<NA>` there.

    Raises
    ------
    ValueError
        If the file is no STAR text, two tables have one name, or a row has too few or
        too many values.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text; expected a STAR file") from error
    lines = [line.strip() for line in text.splitlines()]
    columns = [line.split()[0][1:] for line in lines if line.startswith("_")]
    names = [line for line in lines if line.startswith("data_")]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        # The second would take the place of the first.
        raise ValueError(
            f"{path} has several tables called {cut(twice[0])}; expected each name"
            " once, split the file or rename them"
        )
    try:
        blocks: dict[str, Any] = starfile.read(
            path, always_dict=True, parse_as_string=columns
        )
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"{path} cannot be read as STAR ({cut(error)}); expected as many values in"
            " each row as the header has columns, mend or write it again"
        ) from error
    finally:
        # starfile forgets the lines it has read only if nothing went wrong.
        linecache.clearcache()
    if not blocks:
        raise ValueError(f"{path} has no STAR table; expected a line data_ and a loop_")
    return {name: _columns(path, block, unused) for name, block in blocks.items()}


def _columns(path: Path, block: Any, unused: Sequence[str]) -> dict[str, list[str]]:
    if isinstance(block, dict):
        return {str(name): [str(value)] for name, value in block.items()}
    if block.columns.has_duplicates:
        twice = block.columns[block.columns.duplicated()][0]
        raise ValueError(
            f"{path} has the column {cut(twice)} twice; expected it once, mend the"
            " header"
        )
    block = block.drop(columns=[name for name in block.columns if name in unused])
    missing = np.asarray(block.isna() | (block == ""))
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise ValueError(
            f"{path}: row {row + 1} has no {cut(block.columns[column])} (short row, nan"
            " or <NA>); expected a value in every column, mend the row"
        )
    return {str(name): [str(v) for v in block[name]] for name in block.columns}


def numbers(
    path: Path, columns: dict[str, list[str]], name: str
) -> NDArray[np.float64]:
    """Return one column as finite numbers.

    Raises
    ------
    ValueError
        If the column is missing, or a row is no finite number.
    """
    if name not in columns:
        raise ValueError(f"{path} has no column {name}; it has {listed(columns)}")
    values = np.empty(len(columns[name]), np.float64)
    for row, text in enumerate(columns[name]):
        try:
            values[row] = float(text)
        except ValueError:
            values[row] = np.nan
        if not np.isfinite(values[row]):
            raise ValueError(
                f"{path}: row {row + 1} has {name} {shown(text)}; expected a finite"
                " number, mend the row"
            )
    return values


def write_block(
    path: Path,
    block: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    comments: Iterable[str] = (),
) -> None:
    """Write one loop, whole or not at all; without rows, a header alone."""
    lines = [f"# {comment}" for comment in comments]
    lines += ["", f"data_{block}", "", "loop_"]
    lines += [f"_{name} #{number}" for number, name in enumerate(columns, 1)]
    lines += [" ".join(map(_word, row)) for row in rows]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join([*lines, "", ""]), encoding="utf-8")


def _word(value: str) -> str:
    """Return a value that no reader takes for several, or for the start of a block."""
    is_plain = value.split() == [value] and not value.startswith(WORDS)
    return value if is_plain else f'"{value}"'


def read_comments(path: Path) -> dict[str, str]:
    """Return the comments `# name: value` above the first table."""
    notes = {}
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                break
            if found := NOTE.fullmatch(line.strip()):
                notes[found[1]] = found[2]
    return notes
