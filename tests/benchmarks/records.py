"""What benchmarks find, on disk, and which code they ran."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from picker import __version__
from picker.core.files import checked_file

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
Record = TypeVar("Record")


def read_record(path: Path, kind: Callable[..., Record], program: str) -> Record:
    """Return what a benchmark has written as JSON.

    Parameters
    ----------
    path
        File to read.
    kind
        The class of the record, a dataclass.
    program
        The benchmark, for the error.

    Raises
    ------
    ValueError
        If the file is missing or is another one.
    """
    text = checked_file(path, f"JSON of {program}").read_text()
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(
            f"{path} is no result of {program}: {place}: {first['msg']};"
            " expected the file of --output, name that or measure again"
        ) from error


def code() -> dict[str, str | None]:
    """Return what tells which code ran, also of a copy without git."""
    digest = hashlib.sha256()
    ours = [*ROOT.glob("picker/**/*.py"), *Path(__file__).parent.rglob("*.py")]
    for path in sorted(ours):
        digest.update(path.read_bytes())
    return {
        "picker": __version__,
        "commit": output_of("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "digest": digest.hexdigest()[:12],
    }


def output_of(*words: str) -> str | None:
    """Return what a program prints; None if there is no such program, or it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
