"""Text files: decoding, JSON objects, finite numbers and missing values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from picker.core.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

READABLE = (
    "STAR (picker, RELION, Warp, pytom-match-pick, Ais), copick JSON, CryoET portal"
    " ndjson, EMAN2 json, EMAN box, CBOX, IMOD model, Dynamo table, STOPGAP or AV3"
    " motive list, TomoTwin coords, napari points, or CSV or TSV with x, y, z in Å"
)
LISTED = 5
"""Most names that a message lists."""
MISSING = frozenset({"", "nan", "<na>"})
"""What programs write for a missing value, in upper or lower case."""


def read_text(path: Path, expected: str) -> str:
    """Return a file's text without a byte order mark.

    Raises
    ------
    ValueError
        If it is not UTF-8 text; `expected` says what the file should be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text; expected {expected}") from error
    # A volume can be valid UTF-8; text has no zero bytes.
    if "\0" in text:
        raise ValueError(f"{path} is not text; expected {expected}")
    return text


def json_object(path: Path, text: str, where: str = "") -> dict[str, Any]:
    """Return a text's JSON object; `where` follows the file's name in messages.

    Raises
    ------
    ValueError
        If it is not JSON, or not an object.
    """
    try:
        content = json.loads(text)
    # Brackets nested a thousand deep are too many for the parser.
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}{where} is no JSON ({type(error).__name__}: {error}); expected"
            ' {"...": ...}, copy or write it again'
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}{where} holds {shown(content)}; expected a JSON object {{...}},"
            " write it again"
        )
    return content


def finite(path: Path, where: str, values: Iterable[Any]) -> list[float]:
    """Return values as finite numbers; `where` names their place in the file.

    Raises
    ------
    ValueError
        If a value is not a finite number.
    """
    numbers = []
    for value in values:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(
                f"{path}, {where} has {shown(value)}; expected a finite number, fix it"
            )
        numbers.append(number)
    return numbers


def is_missing(text: str) -> bool:
    """Return whether a cell stands for a missing value."""
    return text.strip().lower() in MISSING


def finite_or_nan(path: Path, where: str, value: object) -> float:
    """Return a value as `finite` does; NaN if it is missing."""
    if value is None or is_missing(str(value)):
        return math.nan
    return finite(path, where, [value])[0]


def listed(names: Iterable[str]) -> str:
    """Return the first five names for a message, each cut short."""
    first = list(names)
    return ", ".join([*map(cut, first[:LISTED]), *(["…"] if first[LISTED:] else [])])


def number_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and words of each line that is not blank or a comment (#)."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield number, words
