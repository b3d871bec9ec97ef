"""A polite end: a signal asks for it, the work stops where nothing is lost."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""Time limit or preemption; a warning before either; Ctrl-C."""


class Interrupted(Exception):  # noqa: N818 - nothing went wrong
    """The work stopped because it was asked to; the same command goes on with it."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + number


class StopRequest:
    """Whether a signal has asked to stop; false until one comes."""

    number = 0

    def __bool__(self) -> bool:
        """Return whether to stop."""
        return self.number > 0

    def __str__(self) -> str:
        """Return the signal's name."""
        return signal.Signals(self.number).name if self else "no signal"

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; as its handler."""
        del frame
        self.number = number


@contextmanager
def stop_request() -> Generator[StopRequest]:
    """Note signals instead of dying of them, while in this context."""
    request = StopRequest()
    before = {number: signal.signal(number, request) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
