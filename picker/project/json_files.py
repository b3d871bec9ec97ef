"""JSON that this program wrote: read and checked, or refused with what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from picker.config import explained
from picker.core.files import checked_file
from picker.core.messages import cut

if TYPE_CHECKING:
    from pathlib import Path

Kind = TypeVar("Kind")


def read_record(path: Path, kind: TypeAdapter[Kind], expected: str) -> Kind:
    """Return a record from a JSON file that the program wrote.

    Parameters
    ----------
    path
        The file.
    kind
        Type of the record.
    expected
        What the file should be, for messages.

    Raises
    ------
    ValueError
        If it is damaged, or another file.
    """
    try:
        return kind.validate_json(checked_file(path, expected).read_bytes())
    except ValidationError as error:
        raise damaged(path, expected, error) from error


def read_json(path: Path) -> Any:
    """Return the plain values of a JSON file that a stage wrote.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    expected = "JSON that a stage wrote"
    content = checked_file(path, expected).read_bytes()
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, expected, error) from error


def damaged(path: Path, expected: str, error: Exception) -> ValueError:
    """Return the error for a file of the program's own that cannot be read."""
    reason = explained(error) if isinstance(error, ValidationError) else f"  {error}"
    reason = "\n".join(cut(line) for line in reason.splitlines()[:3])
    return ValueError(
        f"{path} is damaged; expected {expected}. Delete it and run again, so that it"
        f" is made again:\n{reason}"
    )
