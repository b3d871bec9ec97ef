"""The page of a run's status: written once, or again and again until the run ends."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.project.claims import is_alive
from picker.project.layout import Results
from picker.project.status import read_begun_run, read_status
from picker.report.status import render_status

if TYPE_CHECKING:
    from picker.project.run_record import RunRecord

logger = logging.getLogger("picker")

EVERY = 30
"""Least time between two pages [s]."""
SHARE = 0.05
"""Most of one processor's time that following takes."""
LOOKS = 1.0
"""Time after which it is seen that the run has ended [s]."""
TRIES = 10
"""Number of tries to write the last page, `EVERY` seconds apart."""


def write_status_page(folder: Path) -> None:
    """Write the page of a project, whole or not at all.

    Raises
    ------
    ValueError
        If nothing has run there.
    """
    _write(folder, is_over=read_begun_run(folder).is_over)


def follow_status(folder: Path) -> None:
    """Write the page until the run has ended, or another one has begun in its place.

    A disk may fail for a moment, and jobs delete files while they are looked at: then
    the page stays what it was until the next try.

    Raises
    ------
    ValueError
        If nothing has run there.
    """
    record = read_begun_run(folder)
    # The host may get another name while the run goes on, its processes do not.
    is_here = _is_here(record)
    left = TRIES
    while left:
        is_last = _is_over(record, is_here=is_here)
        begin = time.monotonic()
        try:
            if read_begun_run(folder) != record:
                return
            _write(folder, is_over=is_last)
            left = 0 if is_last else TRIES
        except (OSError, ValueError) as error:
            left -= is_last
            logger.warning("warning: no new status page, tried again: %s", error)
        end = time.monotonic()
        wait = max(EVERY, (end - begin) / SHARE)
        while left and time.monotonic() - end < wait:
            if not is_last and _is_over(record, is_here=is_here):
                break
            time.sleep(LOOKS)


def _write(folder: Path, *, is_over: bool) -> None:
    status = read_status(folder, is_over=is_over)
    refresh = None if is_over else EVERY
    page = render_status(status, datetime.now().astimezone(), refresh)
    write_text(Path(Results(str(folder)).status_page), page)


def _is_here(record: RunRecord) -> bool:
    """Return whether the run's process is one of this host, whatever its name."""
    if record.pid is None or record.started is None:
        return False
    return is_alive(record.pid, record.started)


def _is_over(record: RunRecord, *, is_here: bool) -> bool:
    """Return whether a run is known to have ended."""
    return not _is_here(record) if is_here else record.is_over
