"""The lock of a project's folder, so that the same command continues after a kill.

A killed workflow manager leaves its lock and its jobs behind. If its process is known
to be dead, the next manager removes the lock and cancels the jobs that have not begun
to work; the others continue.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from picker.project.orphans import cancel_idle_orphans
from picker.project.run_record import is_over, read_run_record, write_run_record
from picker.project.stale import stale_manifests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from picker.project.layout import Results
    from picker.project.run_record import RunRecord

LOCKS = Path(".snakemake/locks")
STARTED = Path(".snakemake/started")
READ_ONLY = {
    *("--summary", "-S", "--detailed-summary", "-D", "--list-changes", "--lc"),
    *("--dag", "--rulegraph", "--filegraph", "--d3dag", "--lint", "--list", "-l"),
}
"""Options of Snakemake with which, as with a dry run, nothing is written or deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Starter:
    """A process that started a workflow in this folder and has not ended by itself."""

    host: str
    pid: int
    started: float
    """[s]"""
    is_at_work: bool = False
    """False: it may be about to lock the folder, or only read it."""

    def __str__(self) -> str:
        """Return the process as a person would look for it."""
        return f"process {self.pid} on {self.host}"

    @property
    def note(self) -> Path:
        """The file that says it started here: a note, removed when the process ends."""
        return STARTED / f"{self.host}.{self.pid}.{self.started:.0f}.run"

    @property
    def is_over(self) -> bool:
        """Whether it is known to have ended."""
        return is_over(self.host, self.pid, self.started)


def this_starter() -> Starter:
    """Return this process as a starter."""
    return Starter(
        host=socket.gethostname(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
    )


def _only_reports(words: Sequence[str]) -> bool:
    """Return whether Snakemake makes a report of what is there, and runs nothing."""
    reports = any(word.split("=")[0] == "--report" for word in words)
    return reports and "--report-after-run" not in words


class Workplace:
    """The working folder, from the view of a workflow manager that starts in it.

    Parameters
    ----------
    results
        Paths of the results.
    say
        Shows a message to the person who started it.
    words
        The command's words, which show whether it only reads, or unlocks.
    dry_run
        Whether it only reads in any case.
    """

    def __init__(
        self,
        results: Results,
        say: Callable[[str], None],
        words: Sequence[str],
        *,
        dry_run: bool,
    ) -> None:
        self.results = results
        self.say = say
        self.unlocks = any(word.startswith("--unl") for word in words)
        self.only_reads = (
            dry_run or not READ_ONLY.isdisjoint(words) or _only_reports(words)
        )
        self.me = this_starter()

    def enter(self, manifests: Iterable[str]) -> set[str]:
        """Tidy up after runs that are over, and return the manifests to be made again.

        A run that may write deletes these manifests and gets none of them. While
        another run is alive nothing is tidied: jobs and manifests are its own. A run
        that unlocks the folder removes every mark of another.

        Raises
        ------
        FileNotFoundError
            If a whole folder that manifests name is gone.
        """
        if self.unlocks:  # a person says that nobody is at work
            for path in STARTED.glob("*.run"):
                path.unlink(missing_ok=True)
            return set()
        if not self.only_reads:
            self._write_note()
        if self._is_in_use():
            return set()
        self._cancel_orphans()
        return self._delete_stale(manifests)

    def record(self, record: RunRecord) -> None:
        """Write which process runs what, for the next run and for `picker status`."""
        me = self.me
        write_run_record(
            Path(self.results.record),
            replace(record, host=me.host, pid=me.pid, started=me.started),
        )
        with contextlib.suppress(OSError):
            me.note.write_text("at work\n")

    def _write_note(self) -> None:
        """Write this process's note before it locks; it is deleted as the process ends.

        The name says everything; the file is empty until the process is at work. A
        killed process leaves its note, which tells the next whose the lock was. A
        folder that cannot be written is no error: it cannot be locked either.
        """
        # Before it ends Snakemake changes to the folder in which it was called.
        atexit.register(self.me.note.absolute().unlink, missing_ok=True)
        with contextlib.suppress(OSError):
            STARTED.mkdir(parents=True, exist_ok=True)
            self.me.note.touch()

    def _others(self) -> dict[Path, Starter]:
        """Return the notes of other runs that have not ended by themselves."""
        found = {}
        for path in set(STARTED.glob("*.run")) - {self.me.note}:
            # The run just ended, or the file is no note.
            with contextlib.suppress(OSError, ValueError):
                host, pid, started = path.stem.rsplit(".", 2)
                found[path] = Starter(
                    host=host,
                    pid=int(pid),
                    started=float(started),
                    is_at_work=path.stat().st_size > 0,
                )
        return found

    def _is_in_use(self) -> bool:
        """Return whether a run may be at work here; remove the lock of a dead run.

        A lock does not say whose it is. Several runs that share no file may work side
        by side, and the first of them to end removes all locks. So a lock may belong to
        any run with a note, and a run whose note says that it is at work counts even
        without a lock. Locks are listed first, because notes are written before locks.
        """
        locks = list(LOCKS.glob("*.lock")) if LOCKS.is_dir() else []
        runs = self._others()
        living = [run for run in runs.values() if not run.is_over]
        if any(run.is_at_work for run in living) or (locks and (living or not runs)):
            who = ", ".join(map(str, living)) or "a run that left no note"
            self.say(
                f"In this folder {who} is at work. If it has ended: snakemake --unlock"
            )
            return True
        if locks:
            who = ", ".join(map(str, runs.values()))
            self.say(
                f"The run before ({who}) was killed: its lock is removed."
                if not self.only_reads
                else f"The run before ({who}) was killed: the next run removes its"
                " lock. What Snakemake says about it below holds for this dry run only."
            )
        if not self.only_reads:
            for path in [*locks, *(path for path, run in runs.items() if run.is_over)]:
                path.unlink(missing_ok=True)
        return False

    def _cancel_orphans(self) -> None:
        """Cancel what the last run, if it has ended, left waiting in Slurm's queue."""
        if self.only_reads:
            return
        try:
            last = read_run_record(Path(self.results.record))
        except (FileNotFoundError, ValueError):
            return
        if not last.is_over:
            return
        cancelled, going_on = cancel_idle_orphans(Path(), Path(self.results.folder))
        if cancelled or going_on:
            self.say(
                f"Of its jobs in the queue {cancelled} not at work are cancelled;"
                f" {going_on} continue."
            )

    def _delete_stale(self, manifests: Iterable[str]) -> set[str]:
        """Delete the manifests that no longer agree with the disk.

        A run that only reads deletes nothing and gets their names, to plan with.
        """
        stale = stale_manifests(map(Path, manifests))
        if not self.only_reads:
            for path in stale:
                path.unlink(missing_ok=True)
            return set()
        names = {str(path) for path in stale}
        if names:
            self.say(
                f"{len(names)} manifests name files that are gone or were changed;"
                f" their shards run again: {', '.join(sorted(names))}"
            )
        return names
