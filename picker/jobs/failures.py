"""What to do about an error: one tomogram fails and is recorded, or the job stops."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

from picker.project.records import failed

if TYPE_CHECKING:
    from pathlib import Path

    from picker.project.records import Entry, Failed

logger = logging.getLogger("picker")

DISK_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for more",
    errno.EROFS: "nothing can be written there: name another folder, or have it fixed",
}
"""What to do about a disk that takes nothing; every tomogram would meet it."""


def cannot_be_used(entry: Entry, path: Path, error: Exception) -> Failed:
    """Return a tomogram with why its file cannot be used; the others continue.

    Raises
    ------
    OSError
        If the disk takes nothing, which is no tomogram's fault.
    """
    return failed(entry, path, told_failure(entry.tomogram, path, error))


def stop_if_disk_is_full(error: Exception) -> None:
    """Raise the error again if every other tomogram would meet it too."""
    if isinstance(error, OSError) and error.errno in DISK_ADVICE:
        raise error


def told_failure(name: object, path: Path, error: Exception) -> str:
    """Log why one tomogram failed, an unknown error with its trace, and return it.

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
