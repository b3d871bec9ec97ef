"""Progress of long work in the log: at its start, then every few seconds."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Least time between two lines [s]."""
WINDOW = 30.0
"""Time over which the rate is measured [s]: work slows down and speeds up, and the rate
of an hour ago does not predict its end."""

T = TypeVar("T")


class Progress:
    """Logs how much of the work is done, at what rate, and how much time is left.

    Parameters
    ----------
    name
        Name of the work.
    total
        Number of items.
    unit
        What the items are: steps, tomograms, windows.
    done
        Number of items that an earlier run has done.
    """

    def __init__(self, name: str, total: int, unit: str, done: int = 0) -> None:
        self.name, self.total, self.unit = name, total, unit
        self._seen = deque([(time.monotonic(), done)])
        self._logged = self._seen[0][0]

    def update(self, done: int, detail: str = "") -> None:
        """Note the number of items done; log it if the last line is old enough.

        The end is not logged here: the caller has more to say about it.
        """
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        if done < self.total and now - self._logged >= EVERY:
            self._logged = now
            parts = (
                f"{self.name} {done}/{self.total} {self.unit}",
                detail,
                self._rate(),
            )
            logger.info("  ".join(part for part in parts if part))

    def _rate(self) -> str:
        """Return the rate of the last seconds, and the time left at this rate."""
        (then, before), (now, done) = self._seen[0], self._seen[-1]
        if done == before or now == then:
            return ""
        seconds = (now - then) / (done - before)
        rate = f"{seconds:.1f} s each" if seconds > 1 else f"{1 / seconds:.1f}/s"
        left = (self.total - done) * seconds
        return f"{rate}  {left / 60:.1f} min left"


def tracked(items: Iterable[T], name: str, total: int, unit: str) -> Iterator[T]:
    """Yield the items; log their number at once, and then the progress."""
    logger.info("%s: %d %s", name, total, unit)
    progress = Progress(name, total, unit)
    for number, item in enumerate(items, 1):
        yield item
        progress.update(number)
