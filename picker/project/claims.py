"""Claims: two jobs never compute the same result at the same time.

When a workflow manager is killed its jobs continue, and the next manager would submit
them a second time. A claim is a file beside the result that names the job. The job
touches it while it lives, so any node can check a claim without asking a server.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import psutil

from picker.core.files import delete_leftovers, leftovers, remove, writer_id

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

logger = logging.getLogger("picker")

HEARTBEAT = 10.0
"""Seconds between two touches of a claim."""
STALE = 90.0
"""Seconds without a touch after which a claim's owner counts as dead."""
LOOK = 2.0
"""Seconds between two checks of another job's claim."""
LONGEST = 4096
"""Bytes of a claim that are read; a longer file is no claim."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A process, and the Slurm job that it belongs to."""

    host: str
    pid: int
    job: str = ""
    restart: str = ""
    """Number of times that Slurm requeued the job; empty if it never did."""

    def __str__(self) -> str:
        """Return the owner as a person would look for it."""
        job = f"Slurm job {self.job}, " if self.job else ""
        return f"{job}process {self.pid} on {self.host}"


def this_process() -> Owner:
    """Return this process as an owner."""
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        job=os.environ.get("SLURM_JOB_ID", ""),
        restart=os.environ.get("SLURM_RESTART_COUNT", ""),
    )


def is_alive(pid: int, began: float | None = None) -> bool:
    """Return whether a process of this host that began at a time [s] is alive.

    Systems use the numbers of processes again; without the time any process with that
    number counts. A process that ended and whose parent has not asked for its exit
    status, a zombie, keeps its number and is dead; but not while a thread of it has
    still to end, perhaps in the middle of a write to a slow disk.
    """
    if pid < 1:  # the system takes these for groups of processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it is alive and belongs to another user
    try:
        process = psutil.Process(pid)
        created = float(process.create_time())
        if process.status() == psutil.STATUS_ZOMBIE and process.num_threads() < 2:
            return False
    except psutil.NoSuchProcess:
        return True  # /proc mounted with hidepid hides other users' processes
    return began is None or abs(created - began) < 2


def claim_path(result: Path) -> Path:
    """Return the path of the claim to a result."""
    return result.with_name(f".{result.name}.claim")


def owner_of(result: Path) -> Owner | None:
    """Return the living owner of the claim to a result; None if there is none."""
    return _owner(claim_path(result))


def owners(folder: Path) -> list[Owner]:
    """Return the living owners of the claims in a folder."""
    found = map(_owner, folder.glob(".*.claim"))
    return [owner for owner in found if owner]


@contextmanager
def claimed(result: Path, *folders: Path) -> Generator[None]:
    """Claim a result for the duration of the context; wait while another job has it.

    That job may have finished the result by then, so look for it before computing.

    Parameters
    ----------
    result
        The claim lies beside it.
    folders
        Folders that only the owners of claims beside this result write to. What killed
        owners left half written there, and beside the result, is deleted.

    Raises
    ------
    ValueError
        If something other than a file has the claim's name.
    """
    path = claim_path(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(this_process()))
    logged = 0.0
    while not _taken(path, text):
        owner = owner_of(result)
        if owner and (time.monotonic() - logged > 60 or not logged):
            logged = time.monotonic()
            logger.info("waiting: %s already works on %s", owner, result)
        time.sleep(LOOK)
    done = threading.Event()
    beat = threading.Thread(target=_keep_alive, args=(path, done), daemon=True)
    beat.start()
    try:
        for folder in (path.parent, *folders):
            delete_leftovers(folder, lambda: _writers_at_work(path.parent))
        yield
    finally:
        done.set()
        beat.join()
        with contextlib.suppress(OSError, ValueError):
            if _text(path) == text:
                path.unlink()


def delete_leftovers_of_ended_jobs(folder: Path) -> None:
    """Delete the half-written files of processes of this host that have ended.

    This is for folders that are filled without claims, such as a user's own.
    """
    of_this_host = re.compile(rf".*\.{re.escape(socket.gethostname())}\.([0-9]+)")
    for path in leftovers(folder):
        found = of_this_host.fullmatch(path.stem)
        if found and not is_alive(int(found[1])):
            with contextlib.suppress(OSError):
                remove(path)


def _taken(path: Path, text: str) -> bool:
    """Return whether this process now has the claim: it was free, or its owner is dead.

    Only the process that created the file `<claim>.next` may replace a dead owner's
    claim, so no process takes the claim of another that was quicker. If that process
    died between the two steps, its file is a dead owner's claim itself.
    """
    if _created(path, text):
        return True
    if not _is_dead(path):
        return False
    following = path.with_name(f"{path.name}.next")
    if not _taken(following, text):
        return False
    if not _is_dead(path):  # another process was quicker
        following.unlink()
        return False
    following.replace(path)
    return True


def _created(path: Path, text: str) -> bool:
    """Create the claim with its text in one step; return False if one exists."""
    draft = path.with_name(f"{path.name}.{_me()}")
    draft.write_text(text)
    try:
        os.link(draft, path)  # unlike a rename it fails where the file exists
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _is_dead(path: Path) -> bool:
    """Return whether there is a claim whose owner is dead.

    Meanwhile an owner may release its claim and the next may take it. So the text is
    read again: the claim is a dead owner's only if it has not changed.
    """
    try:
        text = _text(path)
        return _living(path, text) is None and _text(path) == text
    except FileNotFoundError:
        return False


def _owner(path: Path) -> Owner | None:
    """Return the owner of a claim; None if it is dead or there is no claim."""
    try:
        return _living(path, _text(path))
    except (FileNotFoundError, ValueError):
        return None


def _text(path: Path) -> str:
    """Return a claim's text; a ValueError if it is no file, such as a folder."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(
            f"{path} is no file; expected a file that names the job at work, or"
            " nothing. Delete it and run again"
        )
    with path.open("rb") as file:
        return file.read(LONGEST).decode(errors="replace")


def _owner_from_text(text: str) -> Owner | None:
    """Return the owner that a claim's text names; None if it is damaged or foreign."""
    try:
        owner = Owner(**json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None
    for field in fields(Owner):
        kind = int if field.name == "pid" else str
        if type(getattr(owner, field.name)) is not kind:
            return None
    return owner if owner.pid > 0 else None


def _living(path: Path, text: str) -> Owner | None:
    """Return the owner that a claim's text names, if alive."""
    owner = _owner_from_text(text)
    if owner is None:
        return None
    touched = path.stat().st_mtime
    age = _now(path.parent) - touched
    if age < 0:
        # The time lies in the future: a clock was set back, or is fast.
        age = _watched(path, touched)
    here = this_process()
    if owner.host == here.host and not is_alive(owner.pid):
        return None
    # A requeued Slurm job has the same number as its killed first run.
    requeued = owner.job == here.job and owner.restart != here.restart
    return None if requeued or age > STALE else owner


_seen: dict[Path, tuple[float, float]] = {}
"""Claim: its modification time, and when this process first saw it [s, own clock]."""


def _watched(path: Path, touched: float) -> float:
    """Return how long [s] this process has seen a claim with this modification time."""
    now = time.monotonic()
    if _seen.get(path, (None,))[0] != touched:
        _seen[path] = (touched, now)
    return now - _seen[path][1]


def _writers_at_work(folder: Path) -> list[str]:
    """Return the ids as writers of files of those who hold claims in a folder."""
    return [writer_id(owner.host, owner.pid) for owner in owners(folder)]


def _me() -> str:
    return f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"


def _keep_alive(path: Path, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT):
        with contextlib.suppress(OSError):
            os.utime(path)


def _now(folder: Path) -> float:
    """Return the file server's time [s], or this host's if the folder is read-only."""
    probe = folder / f".now.{_me()}"
    try:
        probe.touch()
    except OSError:
        return time.time()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()
