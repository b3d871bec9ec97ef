"""The record of the last run, run.json: what it makes, and in which process."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from picker.core.files import written_whole
from picker.project.claims import is_alive
from picker.project.json_files import read_record

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """What a run makes, and the process of its workflow manager."""

    method: str
    """The run's folder below the results."""
    tomograms: int
    """Number of tomograms."""
    stages: tuple[str, ...] = ()
    """Stages of training."""
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a method that votes: its members' runs, and the stages of each."""
    linked: tuple[str, ...] = ()
    """The run, or members of its vote, whose candidates are linked of detections."""
    shards: dict[str, int]
    """Number of tomograms in each shard."""
    noisy: bool
    """Whether noisy copies are predicted for calibration."""
    halves: tuple[str, ...] = ()
    """Shards whose even and odd halves are predicted."""
    reproducibility: bool = False
    """Whether these tell how good picks are."""
    evaluated: bool = False
    """Whether picks are compared with the truth."""
    targets: tuple[str, ...] = ()
    """Programs that picks are exported for."""
    host: str | None = None
    pid: int | None = None
    started: float | None = None
    """When the process started [s since 1970]."""

    @property
    def is_over(self) -> bool:
        """Whether the process is known to have ended."""
        return is_over(self.host, self.pid, self.started)


RUN_RECORD = TypeAdapter(RunRecord)


def is_over(host: str | None, pid: int | None, started: float | None) -> bool:
    """Return whether a process is known to have ended; on another host it never is."""
    here = host == socket.gethostname()
    return here and pid is not None and not is_alive(pid, started)


def read_run_record(path: Path) -> RunRecord:
    """Return the record of the last run.

    Raises
    ------
    FileNotFoundError
        If nothing ran there.
    ValueError
        If it is damaged.
    """
    return read_record(path, RUN_RECORD, "the record of a run")


def write_run_record(path: Path, record: RunRecord) -> None:
    """Write the record of a run, atomically."""
    with written_whole(path) as temporary:
        temporary.write_bytes(RUN_RECORD.dump_json(record))
