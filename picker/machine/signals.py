"""Signals that ask a job to end: it stops at a place where nothing is lost."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import FrameType
    from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""Sent at a time limit or preemption; before either, as a warning; by Ctrl-C."""


class Interrupted(BaseException):
    """The work stopped because a signal asked for it; the same command continues it.

    Like KeyboardInterrupt it is no subclass of Exception: code that catches the errors
    of one tomogram must not catch this.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + number


class StopRequest:
    """Whether a signal has asked to stop; false until one arrives."""

    number = 0

    def __bool__(self) -> bool:
        """Return whether a signal has arrived."""
        return self.number > 0

    def __str__(self) -> str:
        """Return the signal's name."""
        return signal.Signals(self.number).name if self else "no signal"

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; this is its handler."""
        del frame
        self.number = number


@contextmanager
def interrupted_by_signals() -> Generator[None]:
    """Turn the signals that end a program into `Interrupted` within this context.

    With an exception, unlike a sudden end, half-written files are deleted. It is raised
    even where signals were ignored before: the shell of a training's rule ignores them,
    and its commands inherit that.
    """
    with _handled((signal.SIGTERM, signal.SIGINT), _leave):
        yield


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise Interrupted(f"stopped by {signal.Signals(number).name}", number)


@contextmanager
def stop_request() -> Generator[StopRequest]:
    """Note signals instead of ending by them, within this context."""
    request = StopRequest()
    with _handled(SIGNALS, request):
        yield request


@contextmanager
def _handled(
    numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Generator[None]:
    """Handle signals with a handler within this context, then as before."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
