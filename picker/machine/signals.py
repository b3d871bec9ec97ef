"""A polite end: a signal asks for it, the work stops where nothing is lost."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import FrameType
    from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""Time limit or preemption; a warning before either; Ctrl-C."""


class Interrupted(BaseException):
    """The work stopped because it was asked to; the same command goes on with it.

    No Exception, as KeyboardInterrupt is none: whoever catches what is one tomogram's
    error must let this pass.
    """

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
def leaving_when_asked() -> Generator[None]:
    """Turn the signals that end a program into `Interrupted`, while in this context.

    An exception rather than an end: what is half written is tidied up. Also where they
    were ignored: the shell of a training's rule shuts its own ears, not ours.
    """
    with _handled((signal.SIGTERM, signal.SIGINT), _leave):
        yield


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise Interrupted(f"stopped by {signal.Signals(number).name}", number)


@contextmanager
def stop_request() -> Generator[StopRequest]:
    """Note signals instead of dying of them, while in this context."""
    request = StopRequest()
    with _handled(SIGNALS, request):
        yield request


@contextmanager
def _handled(
    numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Generator[None]:
    """Handle signals so, then as before."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
