"""A part of a benchmark as a process of its own: one that dies takes no other down."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def run_apart(
    words: list[object],
    seconds: float,
    tell: Callable[[dict[str, Any]], None],
    grace: float = 0.0,
) -> str:
    """Run a program, and tell each JSON object that it prints; other lines are logged.

    Parameters
    ----------
    words
        The program and its arguments.
    seconds
        What it may take; with `grace` seconds more it is killed, with its processes.
    tell
        Called with each object, as it comes.

    Returns
    -------
    Why it failed; empty if it did not.
    """
    late = threading.Event()
    with subprocess.Popen(
        list(map(str, words)),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its own processes end with it
    ) as process:

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(seconds + grace, end)
        timer.start()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                try:
                    found = json.loads(line)
                except ValueError:
                    found = None
                if isinstance(found, dict):
                    tell(found)
                else:  # a library's own words
                    sys.stderr.write(line)
            status = process.wait()
        finally:
            timer.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if not status:
        return ""
    why = f"its {seconds:.0f} s were up" if late.is_set() else "see what it printed"
    return f"it ended with status {status}: {why}"
