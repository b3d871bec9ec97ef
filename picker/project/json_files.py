"""Records that this program wrote: read whole, or refused with what to do."""

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
    """Return a record that the program wrote; `expected` names it.

    Raises
    ------
    ValueError
        If it is damaged, or something else.
    """
    try:
        return kind.validate_json(checked_file(path, expected).read_bytes())
    except ValidationError as error:
        raise damaged(path, expected, error) from error


def read_json(path: Path) -> Any:
    """Return what a stage wrote as JSON.

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
    """Return what to say of a file of the program's own that cannot be read."""
    said = explained(error) if isinstance(error, ValidationError) else f"  {error}"
    said = "\n".join(cut(line) for line in said.splitlines()[:3])
    return ValueError(
        f"{path} is damaged; expected {expected}. Delete it and run again, so that it"
        f" is made again:\n{said}"
    )
