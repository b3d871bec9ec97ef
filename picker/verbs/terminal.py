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


def run_logged(verb: Callable[[], object]) -> int:
    """Run a verb with its log on the terminal, and return its exit status.

    An error that a user can fix becomes one message and status 1; other errors are
    raised.
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
            # The path came from the user, so this is no bug of the program.
            name = cut(os.fsdecode(error.filename))
            logger.error("error: %s: %s; fix the path", name, error.strerror)
        else:
            raise
        return 1
    return 0
