"""Warnings of a job that its record keeps, as its log is read by few."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Keeper(logging.Handler):
    """Keeps the texts of warnings, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.texts[record.getMessage().removeprefix("warning: ")] = None


@contextmanager
def told_warnings() -> Iterator[dict[str, None]]:
    """Collect what this program warns of meanwhile, each text once, in its order."""
    ours, keeper = logging.getLogger("picker"), _Keeper()
    ours.addHandler(keeper)
    try:
        yield keeper.texts
    finally:
        ours.removeHandler(keeper)
