"""Whose folder a project is, so that the same command goes on after a kill.

A killed workflow manager leaves its lock and its jobs behind. Where its process is seen
to be dead the next one removes the lock; jobs that have begun to work go on, the others
are cancelled.
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
LOOKS = {
    *("--summary", "-S", "--detailed-summary", "-D", "--list-changes", "--lc"),
    *("--dag", "--rulegraph", "--filegraph", "--d3dag", "--lint", "--list", "-l"),
}
"""Words of a command that, as a dry run, writes and deletes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Starter:
    """A process that started a workflow here, and did not end by itself yet."""

    host: str
    pid: int
    started: float
    """[s]"""
    is_at_work: bool = False
    """Else it may be about to lock, or to look on."""

    def __str__(self) -> str:
        """Return what a person can look for."""
        return f"process {self.pid} on {self.host}"

    @property
    def word(self) -> Path:
        """The file by which it leaves word of itself."""
        return STARTED / f"{self.host}.{self.pid}.{self.started:.0f}.run"

    @property
    def is_over(self) -> bool:
        """Whether it is known to have ended."""
        return is_over(self.host, self.pid, self.started)


def this_starter() -> Starter:
    """Return who we are."""
    return Starter(
        host=socket.gethostname(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
    )


class Workplace:
    """The working folder, as a workflow manager that starts in it finds it.

    Parameters
    ----------
    results
        Where its jobs leave their results.
    say
        Tells a person.
    words
        The command, which says whether it looks on or unlocks.
    dry_run
        Whether it looks on in any case.
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
        self.looks_on = dry_run or not LOOKS.isdisjoint(words)
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
        if not self.looks_on:
            self._leave_word()
        if self._is_in_use():
            return set()
        self._cancel_orphans()
        return self._delete_stale(manifests)

    def record(self, record: RunRecord) -> None:
        """Write who runs what, for the next run and for `picker status`."""
        me = self.me
        write_run_record(
            Path(self.results.record),
            replace(record, host=me.host, pid=me.pid, started=me.started),
        )
        with contextlib.suppress(OSError):
            me.word.write_text("at work\n")

    def _leave_word(self) -> None:
        """Leave word of this process before it locks, until it ends other than killed.

        An empty file, whose name says it all; one that is at work has text. Without it
        this one's lock stays if it is killed; so a folder that cannot be written, in
        which it cannot lock either, is no error.
        """
        # Snakemake goes back to the folder that it was called from before it ends.
        atexit.register(self.me.word.absolute().unlink, missing_ok=True)
        with contextlib.suppress(OSError):
            STARTED.mkdir(parents=True, exist_ok=True)
            self.me.word.touch()

    def _others(self) -> dict[Path, Starter]:
        """Return word of other runs that started here and did not end by themselves."""
        found = {}
        for path in set(STARTED.glob("*.run")) - {self.me.word}:
            with contextlib.suppress(OSError, ValueError):  # just ended; a stranger
                host, pid, started = path.stem.rsplit(".", 2)
                found[path] = Starter(
                    host=host,
                    pid=int(pid),
                    started=float(started),
                    is_at_work=path.stat().st_size > 0,
                )
        return found

    def _is_in_use(self) -> bool:
        """Return whether a run may be at work here; remove the lock of a dead one.

        A lock does not say whose it is, several that share no file may go on at once,
        and the first of these to end takes all locks with it: so whoever left word may
        have taken it, and whoever is at work is believed without. Locks are looked for
        first, for word is older.
        """
        locks = list(LOCKS.glob("*.lock")) if LOCKS.is_dir() else []
        runs = self._others()
        living = [run for run in runs.values() if not run.is_over]
        if any(run.is_at_work for run in living) or (locks and (living or not runs)):
            who = ", ".join(map(str, living)) or "a run that left no word"
            self.say(
                f"In this folder {who} is at work. If that is gone: snakemake --unlock"
            )
            return True
        if locks:
            who = ", ".join(map(str, runs.values()))
            self.say(
                f"The run before ({who}) was killed: its lock is removed."
                if not self.looks_on
                else f"The run before ({who}) was killed: the next removes its lock."
                " What Snakemake says of it below holds for this dry run alone."
            )
        if not self.looks_on:
            for path in [*locks, *(path for path, run in runs.items() if run.is_over)]:
                path.unlink(missing_ok=True)
        return False

    def _cancel_orphans(self) -> None:
        """Cancel what the last run, known to be over, left waiting in Slurm's queue."""
        if self.looks_on:
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
                f"Of its jobs in the queue {cancelled} not at work are cancelled,"
                f" {going_on} go on."
            )

    def _delete_stale(self, manifests: Iterable[str]) -> set[str]:
        """Delete the manifests that no longer say what is so; their shards run again.

        Who looks on deletes nothing, and gets them to plan with.
        """
        stale = stale_manifests(map(Path, manifests))
        if not self.looks_on:
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
