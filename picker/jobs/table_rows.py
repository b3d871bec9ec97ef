"""Rows of the table of tomograms, as jobs get them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from picker.config import TomogramRow
from picker.formats.tables.tomograms import read_table
from picker.project.json_files import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHARD = TypeAdapter(tuple[TomogramRow, ...])


def read_rows(path: Path) -> tuple[TomogramRow, ...]:
    """Return the rows of a table (TSV), or of a shard that the workflow wrote (JSON).

    Raises
    ------
    ValueError
        As `read_table`; or if the shard is damaged.
    """
    if path.suffix == ".json":
        return read_record(path, SHARD, "a shard of the table")
    return read_table(path)


def rows_of_tables(paths: Iterable[Path]) -> list[TomogramRow]:
    """Return the rows of several; errors as `read_rows`."""
    return [row for path in paths for row in read_rows(path)]
