"""The state of a training on disk: whole or not at all, and no code in it."""

from __future__ import annotations

import errno
import hashlib
import logging
import pickle
from typing import IO, TYPE_CHECKING, Any

import torch

from picker.core.files import checked_file, written_whole

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

logger = logging.getLogger(__name__)

HEADER = b"picker checkpoint, sha256 "
"""How a checkpoint begins; then the digest in hex, a line's end, torch's bytes.

Torch itself has no checksum: it loads a page of zeros in a file as weights.
"""
DIGITS = 64
ZIP = b"PK\x03\x04"
"""How torch's own files begin."""
GARBLED = (
    RuntimeError,
    EOFError,
    pickle.UnpicklingError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)
"""What torch raises on a file of another program, and on a checkpoint from before the
digests that is cut; nothing is unpickled that could run code."""


class DamagedError(Exception):
    """A checkpoint does not hold what was written."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values so that an older checkpoint stays readable.

    The file before becomes `<name>.previous`, unless it is damaged: then the older one
    is kept. A kill at any moment leaves one whole.
    """
    with written_whole(path, lasting=True) as temporary:
        with temporary.open("wb") as file:
            file.write(HEADER + b"0" * DIGITS + b"\n")
            digested = _Digested(file)
            torch.save(state, digested)  # type: ignore[arg-type]
            file.seek(len(HEADER))
            file.write(digested.digest.hexdigest().encode())
        if path.is_file() and _is_whole(path):
            path.replace(path.with_name(path.name + ".previous"))


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the newest undamaged checkpoint, or None where there is none.

    Instead of a damaged file the one before it is read, with a warning. Files from
    before the digests are read too, unless torch finds damage. They are loaded with
    `weights_only`, so that a file of another program cannot run code.
    """
    for candidate in (path, path.with_name(path.name + ".previous")):
        if not candidate.exists():
            continue
        try:
            return _read(checked_file(candidate, "a checkpoint"))
        except DamagedError as error:
            logger.warning("%s is damaged (%s); trying an older one", candidate, error)
    return None


class _Digested:
    """A file to write to that knows the digest of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _is_whole(path: Path) -> bool:
    """Return whether a checkpoint shows no damage."""
    with path.open("rb") as file:
        try:
            if not _verify(file):
                _load_unproven(file)  # slow, but at most once a training
        except DamagedError:
            return False
    return True


def _read(path: Path) -> dict[str, Any]:
    """Return a checkpoint's state.

    Raises
    ------
    DamagedError
        If it is not what was written.
    OSError
        If the disk does not answer.
    """
    with path.open("rb") as file:
        if not _verify(file):
            return _load_unproven(file)
        # An error from here on, such as too little memory, is not the file's fault:
        # it must not cost the training in it.
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        return state


def _verify(file: BufferedReader) -> bool:
    """Compare a file with its digest and go to torch's first byte.

    Returns
    -------
    Whether it has a digest.

    Raises
    ------
    DamagedError
        If the digest is another, or there is none and it does not begin as torch's
        files do.
    """
    head = file.read(len(HEADER) + DIGITS + 1)
    if head.startswith(ZIP):
        # Read to the end once: so a disk that does not answer raises its own error,
        # which torch would turn into another.
        while file.read(2**20):
            pass
        file.seek(0)
        return False
    digest = head.removeprefix(HEADER).removesuffix(b"\n")
    if digest != hashlib.file_digest(file, "sha256").hexdigest().encode():
        raise DamagedError("its bytes are not those that were written")
    file.seek(len(head))
    return True


def _load_unproven(file: IO[bytes]) -> dict[str, Any]:
    """Return the state of a checkpoint from before the digests, if it is readable."""
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except GARBLED as error:
        raise DamagedError(error) from error
    except OSError as error:
        # Torch seeks before the start of a cut file. Any other error is the disk's: it
        # must fail the job, not cost its training.
        if error.errno != errno.EINVAL:
            raise
        raise DamagedError(error) from error
    return state
