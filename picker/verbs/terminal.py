"""Runs a verb on the terminal: its log, messages about mistakes, its exit status."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from picker.core.messages import cut, printable
from picker.jobs.failures import DISK_ADVICE
from picker.machine.signals import Interrupted, interrupted_by_signals

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("picker")


class _Printable(logging.Formatter):
    """Log lines without control characters, which names in files may have."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line with control characters written out."""
        return printable(super().formatMessage(record))


def run_logged(
    verb: Callable[[], object], tell: Callable[[str], None] | None = None
) -> int:
    """Run a verb with its log on the terminal, and return its exit status.

    An error that a user can fix becomes one message and status 1; other errors are
    raised. `tell` is told any error besides.
    """
    # Of several processes that train as one only the first logs.
    first = os.environ.get("RANK", "0") == "0"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(
        level=logging.INFO if first else logging.ERROR, handlers=[handler], force=True
    )
    logging.captureWarnings(capture=True)
    try:
        with interrupted_by_signals():
            verb()
            return 0
    except Interrupted as error:
        logger.warning("%s", error)
        text, status = str(error), error.exit_status
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            if tell:
                tell(f"{type(error).__name__}: {error}")
            raise
        logger.error("error: %s", reason)
        text, status = reason, 1
    if tell:
        tell(text)
    return status


def _reason(error: Exception) -> str | None:
    """Return what is wrong and what to do; None of a fault of the program itself."""
    if isinstance(error, (ValueError, FileNotFoundError)):
        return str(error)
    if isinstance(error, MemoryError):
        return str(error) or "the memory is too small for this"
    if not isinstance(error, OSError):
        return None
    if advice := DISK_ADVICE.get(error.errno or 0):
        return f"{error}; {advice}, then run again"
    if error.filename is None:
        return None
    # The path came from the user, so this is no bug of the program.
    return f"{cut(os.fsdecode(error.filename))}: {error.strerror}; fix the path"
