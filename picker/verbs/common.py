"""What the verbs share: settings files, logging, whole-or-nothing files."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from picker.config import Particle, explained
from picker.config.said import printable
from picker.config.strict import json_of
from picker.core.whole import checked_file, written_whole
from picker.formats.text import cut
from picker.machine.signals import Interrupted, leaving_when_asked
from picker.project.manifests import failed
from picker.project.records import damaged

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from picker.config import TomogramRow
    from picker.project.manifests import Entry, Failed

logger = logging.getLogger("picker")

DISK_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for more",
    errno.EROFS: "nothing can be written there: name another folder, or have it mended",
}
"""What to do about a disk that takes nothing, whichever tomogram is next."""

Section = TypeVar("Section")


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


def write_text(path: Path, text: str) -> None:
    """Write a file, atomically."""
    with written_whole(path) as temporary:
        temporary.write_text(text)


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON, atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def cannot_be_used(entry: Entry, path: Path, error: Exception) -> Failed:
    """Return a tomogram with why its file cannot be used; the others go on.

    Raises
    ------
    OSError
        If the disk takes nothing, which is no tomogram's fault.
    """
    return failed(entry, path, told_failure(entry.tomogram, path, error))


def add_failed(parser: argparse.ArgumentParser) -> None:
    """Add `--failed`, for those tomograms that this stage cannot use."""
    parser.add_argument(
        "--failed", type=Path, help="manifest to write of tomograms that failed here"
    )


def stop_if_disk_is_full(error: Exception) -> None:
    """Raise the error again if every other tomogram would meet it too."""
    if isinstance(error, OSError) and error.errno in DISK_ADVICE:
        raise error


def told_failure(name: object, path: Path, error: Exception) -> str:
    """Return why one tomogram failed, which is logged, an unknown kind with its trace.

    Raises
    ------
    Exception
        The error itself if every other tomogram would meet it too: the disk is full.
    """
    stop_if_disk_is_full(error)
    text = str(error) or f"{path}: the memory is too small for it"
    known = isinstance(error, (ValueError, OSError, MemoryError))
    if not known:
        text = (
            f"{path}: unexpected {type(error).__name__} ({error}), a fault of this"
            " program; its log has the trace, please report it"
        )
    logger.error("%s cannot be used: %s", name, text, exc_info=not known)
    return text


def add_leave(parser: argparse.ArgumentParser) -> None:
    """Add the options by which doubtful volumes are read all the same."""
    parser.add_argument(
        "--missing-chunks",
        choices=("error", "fill"),
        default="error",
        help="of Zarr and HDF5 volumes: refuse, or read as their fill value; error",
    )
    parser.add_argument(
        "--stacks-are-volumes",
        action="store_true",
        help="read MRC files that their header or name calls stacks of images",
    )


def leave(given: argparse.Namespace | TomogramRow) -> dict[str, bool]:
    """Return what the readers of volumes are to accept, as their arguments."""
    return {
        "may_be_stack": given.stacks_are_volumes,
        "may_be_sparse": given.missing_chunks == "fill",
    }


def read_section(paths: Iterable[Path], section: str, kind: type[Section]) -> Section:
    """Return one section of the settings from its file `<section>.json`.

    Raises
    ------
    ValueError
        If a value does not fit, or the file is damaged. A section without a file
        has its defaults.
    """
    for path in paths:
        if path.stem == section:
            return _validated(path, TypeAdapter(kind))
    return TypeAdapter(kind).validate_python({})


def read_particles(paths: Iterable[Path]) -> tuple[Particle, ...]:
    """Return the particles from `particles.json`."""
    for path in paths:
        if path.stem == "particles":
            return _validated(path, TypeAdapter(tuple[Particle, ...]))
    raise ValueError("expected a particles.json among --settings; add it")


def _validated(path: Path, kind: TypeAdapter[Section]) -> Section:
    text = checked_file(path, "JSON of settings").read_text()
    try:
        json_of(text)
        return kind.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"settings {path}:\n{explained(error)}") from error
    except ValueError as error:
        raise ValueError(f"settings {path} are no JSON: {error}; mend them") from error


def add_settings(parser: argparse.ArgumentParser, sections: str) -> None:
    """Add `--settings`, naming the sections that the verb reads."""
    parser.add_argument(
        "--settings",
        nargs="+",
        type=Path,
        default=[],
        metavar="JSON",
        help=f"files <section>.json; read here: {sections}",
    )


def fingerprint(*parts: object) -> str:
    """Return a short digest of anything with a faithful text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]


class _Printable(logging.Formatter):
    """Lines that a terminal shows as they are: what files say is among them."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line, its control characters written out."""
        return printable(super().formatMessage(record))


def run_logged(verb: Callable[[], object]) -> int:
    """Run a verb with progress on the terminal; a user's mistake gives one line."""
    # Of several processes that train as one, the first tells.
    first = os.environ.get("RANK", "0") == "0"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(
        level=logging.INFO if first else logging.ERROR, handlers=[handler], force=True
    )
    logging.captureWarnings(capture=True)
    try:
        with leaving_when_asked():
            verb()
    except (ValueError, FileNotFoundError) as error:
        logger.error("error: %s", error)
        return 1
    except Interrupted as error:
        logger.warning("%s", error)
        return error.exit_status
    except MemoryError as error:
        logger.error("error: %s", str(error) or "the memory is too small for this")
        return 1
    except OSError as error:
        advice = DISK_ADVICE.get(error.errno or 0)
        if advice:
            logger.error("error: %s; %s, then run again", error, advice)
        elif error.filename is not None:
            # A path that a user gave, not a slip of ours.
            name = cut(os.fsdecode(error.filename))
            logger.error("error: %s: %s; mend the path", name, error.strerror)
        else:
            raise
        return 1
    return 0
