"""Who works at what: two jobs never compute the same thing at the same time.

When a workflow manager is killed its jobs go on, and the next one would submit them a
second time. A claim is a file beside the result that names the job and is touched while
the job lives, so that it is believed on any node and needs no server.
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
"""Seconds without a touch after which a claim's owner is taken for dead."""
LOOK = 2.0
"""Seconds between two looks at somebody else's claim."""
LONGEST = 4096
"""Bytes of a claim that are read: what is longer is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A process, and the Slurm job that it is of."""

    host: str
    pid: int
    job: str = ""
    restart: str = ""
    """How often Slurm has requeued the job; empty: never."""

    def __str__(self) -> str:
        """Return what a person can look for."""
        job = f"Slurm job {self.job}, " if self.job else ""
        return f"{job}process {self.pid} on {self.host}"


def this_process() -> Owner:
    """Return who we are."""
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        job=os.environ.get("SLURM_JOB_ID", ""),
        restart=os.environ.get("SLURM_RESTART_COUNT", ""),
    )


def is_alive(pid: int, began: float | None = None) -> bool:
    """Return whether a process of this host goes on, the one that began then [s].

    Numbers of processes are given again; without the time any by that number counts.
    """
    if pid < 1:  # to the system these are groups of processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    try:
        created = float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return True  # where /proc is mounted with hidepid others' are not to be seen
    return began is None or abs(created - began) < 2


def claim_path(result: Path) -> Path:
    """Return where the claim to a result lies."""
    return result.with_name(f".{result.name}.claim")


def owner_of(result: Path) -> Owner | None:
    """Return who works at a result, if somebody alive does."""
    return _owner(claim_path(result))


def owners(folder: Path) -> list[Owner]:
    """Return who holds a claim in a folder and is alive."""
    found = map(_owner, folder.glob(".*.claim"))
    return [owner for owner in found if owner]


@contextmanager
def claimed(result: Path, *folders: Path) -> Generator[None]:
    """Be the only one who works at a result; wait while somebody else does.

    What they have finished by then is there to be found, so look before computing.

    Parameters
    ----------
    result
        The claim lies beside it.
    folders
        Those that the holders of claims beside this result fill, and nobody else.
        What killed ones left half written there, and beside the result, is deleted.

    Raises
    ------
    ValueError
        If something that is no file has a claim's name.
    """
    path = claim_path(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(this_process()))
    told = 0.0
    while not _taken(path, text):
        owner = owner_of(result)
        if owner and (time.monotonic() - told > 60 or not told):
            told = time.monotonic()
            logger.info("waiting: %s works at %s already", owner, result)
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
    """Delete what processes of this host left half written that are dead by now.

    For folders that are filled without claims, such as a user's own.
    """
    ours = re.compile(rf".*\.{re.escape(socket.gethostname())}\.([0-9]+)")
    for path in leftovers(folder):
        found = ours.fullmatch(path.stem)
        if found and not is_alive(int(found[1])):
            with contextlib.suppress(OSError):
                remove(path)


def _taken(path: Path, text: str) -> bool:
    """Return whether the claim is ours now: there was none, or its owner is dead.

    Only the holder of the file `<claim>.next` may replace a dead owner's claim, so
    nobody takes away that of another who was quicker. If the holder died between the
    two, that file is such a claim itself.
    """
    if _created(path, text):
        return True
    if not _is_dead(path):
        return False
    following = path.with_name(f"{path.name}.next")
    if not _taken(following, text):
        return False
    if not _is_dead(path):  # somebody was quicker
        following.unlink()
        return False
    following.replace(path)
    return True


def _created(path: Path, text: str) -> bool:
    """Return whether the claim is ours now; it appears with its text, or not at all."""
    draft = path.with_name(f"{path.name}.{_me()}")
    draft.write_text(text)
    try:
        os.link(draft, path)  # unlike a rename it fails where the file is there
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _is_dead(path: Path) -> bool:
    """Return whether there is a claim whose owner is dead.

    While we look an owner may release it, and the next one come: only what lies there
    still, after its owner was seen to be dead, is a dead one's.
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
    """Return what a claim says; a ValueError if it is no file, such as a folder."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(
            f"{path} is no file; expected one that says who works there, or none:"
            " delete it, then run again"
        )
    with path.open("rb") as file:
        return file.read(LONGEST).decode(errors="replace")


def _named(text: str) -> Owner | None:
    """Return the owner that a claim's text names; None if it is damaged or foreign."""
    try:
        said = json.loads(text)
        owner = Owner(**said)
    except (ValueError, TypeError, RecursionError):
        return None
    for field in fields(Owner):
        kind = int if field.name == "pid" else str
        if type(getattr(owner, field.name)) is not kind:
            return None
    return owner if owner.pid > 0 else None


def _living(path: Path, text: str) -> Owner | None:
    """Return the owner that a claim's text names, if alive."""
    owner = _named(text)
    if owner is None:
        return None
    touched = path.stat().st_mtime
    age = _now(path.parent) - touched
    if age < 0:
        # Stamped before a clock was set back, or by one that is fast.
        age = _watched(path, touched)
    here = this_process()
    if owner.host == here.host and not is_alive(owner.pid):
        return None
    # Slurm gives a requeued job the number that its killed run had.
    requeued = owner.job == here.job and owner.restart != here.restart
    return None if requeued or age > STALE else owner


_seen: dict[Path, tuple[float, float]] = {}
"""Claim: its stamp, and since when this process sees it so [s, its own clock]."""


def _watched(path: Path, touched: float) -> float:
    """Return for how long [s] this process has seen a claim with this stamp."""
    now = time.monotonic()
    if _seen.get(path, (None,))[0] != touched:
        _seen[path] = (touched, now)
    return now - _seen[path][1]


def _writers_at_work(folder: Path) -> list[str]:
    """Return who holds a claim in a folder, named as the writer of files."""
    return [writer_id(owner.host, owner.pid) for owner in owners(folder)]


def _me() -> str:
    return f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"


def _keep_alive(path: Path, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT):
        with contextlib.suppress(OSError):
            os.utime(path)


def _now(folder: Path) -> float:
    """Return the file server's time [s], or our own where nothing can be written."""
    probe = folder / f".now.{_me()}"
    try:
        probe.touch()
    except OSError:
        return time.time()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()
