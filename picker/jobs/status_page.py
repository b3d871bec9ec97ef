"""The page of a run's status: written once, or again and again until the run ends."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from picker.core.files import write_text
from picker.project.layout import Results
from picker.project.run_record import read_run_record
from picker.project.status import read_status
from picker.report.status import render_status

EVERY = 30
"""Least time between two pages [s]."""
SHARE = 0.05
"""Most of one processor's time that following takes."""
LOOKS = 1.0
"""Time after which it is seen that the run has ended [s]."""


def write_status_page(folder: Path) -> None:
    """Write the page of a project, whole or not at all.

    Raises
    ------
    ValueError
        If nothing has run there.
    """
    status = read_status(folder)
    refresh = None if status.record.is_over else EVERY
    page = render_status(status, datetime.now().astimezone(), refresh)
    write_text(Path(Results(str(folder)).status_page), page)


def follow_status(folder: Path) -> None:
    """Write the page until the run has ended, or another one has begun in its place.

    Raises
    ------
    ValueError
        If nothing has run there.
    """
    record = read_status(folder).record
    while True:
        is_last = record.is_over
        begin = time.monotonic()
        if read_run_record(Path(Results(str(folder)).record)) != record:
            return
        write_status_page(folder)
        if is_last:
            return
        end = time.monotonic()
        wait = max(EVERY, (end - begin) / SHARE)
        while time.monotonic() - end < wait and not record.is_over:
            time.sleep(LOOKS)
