"""What the workflow manager that ran last says of itself, in run.json."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from picker.core.files import written_whole
from picker.project.claims import is_alive
from picker.project.json_files import read_record

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """Who runs what."""

    method: str
    """The run's folder below the results."""
    tomograms: int
    """How many."""
    stages: tuple[str, ...] = ()
    """Of training."""
    shards: dict[str, int]
    """Shard: number of its tomograms."""
    noisy: bool
    """Whether noisy copies are predicted."""
    evaluated: bool = False
    """Whether picks are held against the truth."""
    targets: tuple[str, ...] = ()
    """What is exported to."""
    host: str | None = None
    pid: int | None = None
    started: float | None = None
    """Of the process [s]."""

    @property
    def is_over(self) -> bool:
        """Whether the process is known to have ended."""
        return is_over(self.host, self.pid, self.started)


RUN_RECORD = TypeAdapter(RunRecord)


def is_over(host: str | None, pid: int | None, started: float | None) -> bool:
    """Return whether a process is known to have ended; one on another host never is."""
    here = host == socket.gethostname()
    return here and pid is not None and not is_alive(pid, started)


def read_run_record(path: Path) -> RunRecord:
    """Return what a run says of itself.

    Raises
    ------
    FileNotFoundError
        If nothing ran there.
    ValueError
        If it is damaged.
    """
    return read_record(path, RUN_RECORD, "what a run says of itself")


def write_run_record(path: Path, record: RunRecord) -> None:
    """Write what a run says of itself, atomically."""
    with written_whole(path) as temporary:
        temporary.write_bytes(RUN_RECORD.dump_json(record))
