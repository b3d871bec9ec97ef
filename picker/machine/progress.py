"""How far long work is, in the log: at once, then every few seconds."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two lines, at the least."""
WINDOW = 30.0
"""Seconds whose rate is told: work slows down and speeds up, and what it did an hour
ago does not say when it ends."""

T = TypeVar("T")


class Progress:
    """Tells how much of something is done, how fast it goes, and how long it takes yet.

    Parameters
    ----------
    name
        What is done.
    total
        How many there are.
    unit
        Of what: steps, tomograms, windows.
    done
        How many were done before, by an earlier run.
    """

    def __init__(self, name: str, total: int, unit: str, done: int = 0) -> None:
        self.name, self.total, self.unit = name, total, unit
        self._seen = deque([(time.monotonic(), done)])
        self._said = self._seen[0][0]

    def update(self, done: int, said: str = "") -> None:
        """Note how many are done; say so if the last line is some seconds old.

        Of the end the caller has more to say.
        """
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        if done < self.total and now - self._said >= EVERY:
            self._said = now
            parts = (f"{self.name} {done}/{self.total} {self.unit}", said, self._rate())
            logger.info("  ".join(part for part in parts if part))

    def _rate(self) -> str:
        """Return the rate of the last seconds, and the time left at it."""
        (then, before), (now, done) = self._seen[0], self._seen[-1]
        if done == before or now == then:
            return ""
        seconds = (now - then) / (done - before)
        rate = f"{seconds:.1f} s each" if seconds > 1 else f"{1 / seconds:.1f}/s"
        left = (self.total - done) * seconds
        return f"{rate}  {left / 60:.1f} min left"


def tracked(items: Iterable[T], name: str, total: int, unit: str) -> Iterator[T]:
    """Yield the items; say at once how many there are, and then how far it is."""
    logger.info("%s: %d %s", name, total, unit)
    progress = Progress(name, total, unit)
    for number, item in enumerate(items, 1):
        yield item
        progress.update(number)
