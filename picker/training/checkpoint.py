"""Training state and finished models on disk: whole or not at all, never pickled."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import pickle
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from picker.config.strict import json_of
from picker.core.files import checked_file, written_whole
from picker.core.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Generator
    from io import BufferedReader
    from pathlib import Path

logger = logging.getLogger(__name__)

HEADER = b"picker checkpoint, sha256 "
"""How a checkpoint begins; then the digest in hex, a line's end, torch's bytes.

Torch itself looks at no checksum: a page of zeros in a file is loaded as weights.
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
"""What torch raises on a checkpoint of before the digests that is cut, and on a foreign
one; nothing is unpickled that could run code."""


class DamagedError(Exception):
    """A checkpoint is not what was once written."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values so that an older checkpoint stays readable.

    The file before becomes `<name>.previous` unless it is damaged, when the one that is
    there is the better; a kill at any moment leaves one whole.
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

    A damaged file is passed over with a warning and the one before it is taken. Files
    of before the digests are read too, as far as torch sees no damage.
    Loaded with `weights_only`, so a foreign file cannot run code.
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
    """Return whether a checkpoint is undamaged, as far as can be told."""
    with path.open("rb") as file:
        try:
            if not _verify(file):
                _load_unproven(file)  # in whole, but once a training at most
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
        # What fails now, such as memory, is not the file's fault and throws no
        # training away.
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        return state


def _verify(file: BufferedReader) -> bool:
    """Hold a file against its digest and go to torch's first byte.

    Returns
    -------
    Whether it has a digest.

    Raises
    ------
    DamagedError
        If it has one of other bytes, or none and does not begin as torch's files do.
    """
    head = file.read(len(HEADER) + DIGITS + 1)
    if head.startswith(ZIP):
        # Read to the end once: a disk that does not answer is known before torch,
        # which names it otherwise, reads.
        while file.read(2**20):
            pass
        file.seek(0)
        return False
    given = head.removeprefix(HEADER).removesuffix(b"\n")
    if given != hashlib.file_digest(file, "sha256").hexdigest().encode():
        raise DamagedError("its bytes are not those that were written")
    file.seek(len(head))
    return True


def _load_unproven(file: IO[bytes]) -> dict[str, Any]:
    """Return the state of a checkpoint of before the digests, if torch can read it."""
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except GARBLED as error:
        raise DamagedError(error) from error
    except OSError as error:
        # Torch seeks before the start of a cut file. Any other error is the disk's and
        # must fail the job, not throw its training away.
        if error.errno != errno.EINVAL:
            raise
        raise DamagedError(error) from error
    return state


def save_model(path: Path, model: torch.nn.Module, metadata: dict[str, Any]) -> None:
    """Write a model's weights and what is needed to use them, atomically.

    `metadata` holds plain values: settings, particles, versions.
    """
    weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with written_whole(path, lasting=True) as temporary:
        save_file(weights, temporary, metadata={"picker": json.dumps(metadata)})


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return a model file's weights and metadata.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a model of this program, or a weight is
        not finite.
    """
    with _opened(path) as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
        metadata = _metadata(path, file)
    bad = [name for name, weight in weights.items() if not weight.isfinite().all()]
    if bad:
        raise ValueError(
            f"model {path} has weights that are no finite numbers, {cut(bad[0])} for"
            f" one of {len(bad)}; expected numbers: its training failed or the file is"
            " damaged, train one"
        )
    return weights, metadata


def read_header(
    path: Path,
) -> tuple[dict[str, tuple[int, ...]], set[str], dict[str, Any]]:
    """Return the shapes of a model file's tensors, those of fractions, and metadata.

    Nothing that the file claims to hold is loaded.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a model of this program.
    """
    with _opened(path) as file:
        parts = {name: file.get_slice(name) for name in file.keys()}
        shapes = {name: tuple(part.get_shape()) for name, part in parts.items()}
        fractions = {
            name
            for name, part in parts.items()
            if part.get_dtype().startswith(("F", "BF"))
        }
        return shapes, fractions, _metadata(path, file)


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    if not checked_file(path, "a model").is_file():
        raise ValueError(f"model {path} does not exist; train one or fix the path")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(
            f"model {path} cannot be read: expected safetensors, got {cut(error)};"
            " delete it and run again"
        ) from error


def _metadata(path: Path, file: Any) -> dict[str, Any]:
    text = (file.metadata() or {}).get("picker")
    if text is None:
        raise ValueError(f"model {path} was not written by this program; train one")
    try:
        metadata = json_of(text)
    except ValueError as error:
        raise ValueError(
            f"model {path} does not say what it is: expected JSON, got {error}; train"
            " one"
        ) from error
    if not isinstance(metadata, dict):
        raise ValueError(
            f"model {path} does not say what it is: expected a JSON object, got"
            f" {shown(metadata)}; train one"
        )
    return metadata
