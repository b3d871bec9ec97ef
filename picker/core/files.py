"""Files and folders that appear whole or not at all, even if others write them too."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

LEFTOVERS = (".picker-tmp", ".picker-old")
"""Endings of the hidden names that killed writers leave behind; no others have them."""


def writer_id(host: str, pid: int) -> str:
    """Return what tells a process from all others that write to the same disk.

    It is `host.pid`.
    """
    return f"{host}.{pid}"


@contextmanager
def written_whole(path: Path, *, lasting: bool = False) -> Generator[Path]:
    """Give a temporary path beside `path`; what was written there replaces `path`.

    A reader sees the old file or folder or the new one, never a part. The temporary
    name is the writer's own, so that two who write the same both succeed, and the last
    one's stays. `delete_leftovers` finds it if the writer is killed. With `lasting`
    this holds even if the machine fails: the call waits until the disk has the file,
    which hours of training are worth and each of a thousand small files is not.
    """
    with temporary_beside(path) as temporary:
        yield temporary
        if lasting:
            _wait_for_disk(temporary)
        _replace(temporary, path)
        if lasting:
            _wait_for_disk(path.parent)


@contextmanager
def temporary_beside(path: Path) -> Generator[Path]:
    """Give a free path beside `path`; what is written there is deleted at the end."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        code = errno.ENOTDIR
        raise NotADirectoryError(code, os.strerror(code), str(path.parent)) from error
    me = writer_id(socket.gethostname(), os.getpid())
    temporary = path.with_name(f".{path.name}.{me}.picker-tmp")
    remove(temporary)
    try:
        yield temporary
    finally:
        remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a file as UTF-8, atomically."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON, atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def checked_file(path: Path, expected: str) -> Path:
    """Return a path that can be read to its end, which a pipe or a device cannot.

    Parameters
    ----------
    path
        May be missing, or a folder: opening it says so.
    expected
        What should be there.

    Raises
    ------
    ValueError
        If it is a pipe, a socket or a device.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(
            f"{path} is a pipe, a socket or a device; expected a file, {expected}:"
            " fix the path"
        )
    return path


def leftovers(folder: Path) -> list[Path]:
    """Return what is half written in a folder, which is listed once; it may be missing.

    It was left by killed writers or belongs to those at work: the stem of each name
    ends in a `writer_id`.
    """
    if not folder.is_dir():
        return []
    return [
        path
        for path in folder.iterdir()
        if path.name.startswith(".") and path.name.endswith(LEFTOVERS)
    ]


def delete_leftovers(folder: Path, alive: Callable[[], Iterable[str]]) -> None:
    """Delete what killed writers left half written in a folder.

    Parameters
    ----------
    folder
        May be missing.
    alive
        Gives the ids of the writers that are at work. It is called after the folder is
        listed, so that all who had begun to write by then are among them.
    """
    found = leftovers(folder)
    if not found:
        return
    kept = tuple(f".{name}" for name in alive())
    for path in found:
        if not path.stem.endswith(kept):
            with contextlib.suppress(OSError):
                remove(path)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        # File servers keep what is still being read; the next cleaning finds it.
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _replace(temporary: Path, path: Path) -> None:
    """Rename; a folder cannot be replaced in one step while it has content."""
    aside = temporary.with_suffix(".picker-old")
    try:
        while True:
            try:
                temporary.replace(path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR):
                    raise
            else:
                return
            remove(aside)
            # Missing if another writer has just done the same.
            with contextlib.suppress(FileNotFoundError):
                path.rename(aside)
    finally:
        remove(aside)


def _wait_for_disk(path: Path) -> None:
    """Return when a file's bytes, or a folder's names, would outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file servers cannot do this for folders.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
