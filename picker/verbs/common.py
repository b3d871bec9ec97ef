"""What the verbs share: settings files, manifests, logging, whole-or-nothing files."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from picker.config import Particle, Split, checked_name, explained
from picker.config.said import printable
from picker.config.strict import json_of
from picker.formats.text import cut
from picker.interrupt import Interrupted, leaving_when_asked
from picker.whole import checked_file, written_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from picker.config import TomogramRow

logger = logging.getLogger("picker")

DONE = "done in"
"""Of the last line of a log whose result is whole."""
DISK_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for more",
    errno.EROFS: "nothing can be written there: name another folder, or have it mended",
}
"""What to do about a disk that takes nothing, whichever tomogram is next."""

Length = Annotated[int, Field(ge=0, le=1_000_000)]
NotNegative = Annotated[float, Field(ge=0)]
Section = TypeVar("Section")
Kind = TypeVar("Kind", bound=BaseModel)


class Entry(BaseModel):
    """One tomogram in a shard's manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tomogram: str
    split: Split
    path: Path
    """The file this stage wrote: a volume, candidates, or picks."""
    volume: Path
    """The preprocessed volume."""
    fingerprint: str = ""
    """What the file at `path` was made from, by which the manifest changes when that
    file does: Snakemake takes a small file of the same content for the same."""
    voxel_size: NotNegative = 0.0
    """[Å]"""
    shape_zyx: tuple[Length, Length, Length] = (0, 0, 0)
    """[voxels]"""
    source_voxel_size: NotNegative = 0.0
    """Of the file as it came, before any rescaling [Å]: what other programs open."""
    source_shape_zyx: tuple[Length, Length, Length] = (0, 0, 0)
    """Of the file as it came [voxels]."""
    tilt_pixel_size: float | None = None
    """Unbinned pixel size of its own tilt series [Å]."""
    called: str | None = None
    """Its name in the files of other programs, where that is another."""
    labels: Path | None = None
    """Given picks in the program's own format."""
    mask: Path | None = None
    """Volume that is above 0 where picks may be: in the user's mask, the slab, and off
    gold; none: everywhere."""
    counts: dict[str, int] = {}
    """Number of picks of each particle."""
    expected: dict[str, tuple[float, float]] = {}
    """Particle: how many of its picks should be right, and of how many particles there
    should be; empty where no validation tomograms tell."""
    mean_score: float | None = None
    """Mean score of its picks, by which tomograms like those that were labeled stand
    out from others; None without a pick."""
    warnings: tuple[str, ...] = ()
    stamps: dict[str, tuple[int, int]] = {}
    """What it was made from: each file's size [bytes] and modification time [ns]."""
    error: str | None = None
    """Why this tomogram could not be used; the others go on without it."""
    retry: bool = False
    """The error may have passed by the next run: a disk, memory, not the input."""

    # Files are called after it.
    _name = field_validator("tomogram")(checked_name)

    @property
    def geometry(self) -> tuple[float, tuple[int, int, int]]:
        """Voxel size [Å] and shape [voxels] of the file that users have."""
        if self.source_voxel_size:
            return self.source_voxel_size, self.source_shape_zyx
        return self.voxel_size, self.shape_zyx

    def failed(self, path: Path, error: Exception) -> Entry:
        """Return this entry with the reason why a stage could not make its file."""
        return self.model_copy(
            update={
                "path": path,
                "fingerprint": "",
                "error": str(error) or repr(error),
                "retry": True,
            }
        )


class Manifest(BaseModel):
    """What one shard of a stage did; its files are whole before it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tomograms: tuple[Entry, ...]
    histograms: dict[str, tuple[int, ...]] = {}
    """Particle: how many scores fall into each bin, over all tomograms."""
    model: str = ""
    """Fingerprint of the model that predicted, to whose scores thresholds belong."""


def read_manifests(paths: Iterable[Path]) -> list[Entry]:
    """Return the entries of several manifests, failed tomograms among them."""
    return [entry for path in paths for entry in read_manifest(path).tomograms]


def read_manifest(path: Path) -> Manifest:
    """Return one shard's manifest.

    Raises
    ------
    ValueError
        If it is damaged, or no manifest.
    """
    return read_as(path, Manifest, "the manifest of a stage")


def read_as(path: Path, kind: type[Kind], expected: str) -> Kind:
    """Return a record that the program wrote; `expected` names it.

    Raises
    ------
    ValueError
        If it is damaged, or something else.
    """
    try:
        return kind.model_validate_json(checked_file(path, expected).read_bytes())
    except ValidationError as error:
        raise _damaged(path, expected, error) from error


def read_json(path: Path) -> Any:
    """Return what a stage wrote as JSON.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    expected = "JSON that a stage wrote"
    content = checked_file(path, expected).read_bytes()
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, expected, error) from error


def _damaged(path: Path, expected: str, error: Exception) -> ValueError:
    said = explained(error) if isinstance(error, ValidationError) else f"  {error}"
    said = "\n".join(cut(line) for line in said.splitlines()[:3])
    return ValueError(
        f"{path} is damaged; expected {expected}. Delete it and run again, so that it"
        f" is made anew:\n{said}"
    )


def read_predicted(paths: Iterable[Path]) -> tuple[list[Manifest], str]:
    """Return the manifests of predicted shards, and their model's fingerprint.

    Raises
    ------
    ValueError
        If they are of several models, or do not say of which.
    """
    manifests = {path: read_manifest(path) for path in paths}
    models = {manifest.model: path for path, manifest in manifests.items()}
    if "" in models:
        raise ValueError(
            f"{models['']} does not say which model predicted; delete it and predict"
            " again, candidates that are there are kept"
        )
    if len(models) > 1:
        several = ", ".join(f"{path} by {key[:12]}" for key, path in models.items())
        raise ValueError(
            f"predicted by several models, whose scores do not compare: {several};"
            " predict them all with one"
        )
    return list(manifests.values()), next(iter(models), "")


def write_manifest(path: Path, entries: Iterable[Entry]) -> None:
    """Write a shard's manifest, atomically."""
    write_text(path, Manifest(tomograms=tuple(entries)).model_dump_json(indent=1))


def write_text(path: Path, text: str) -> None:
    """Write a file, atomically."""
    with written_whole(path) as temporary:
        temporary.write_text(text)


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON, atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def cannot_be_used(entry: Entry, error: Exception) -> Entry:
    """Return a tomogram's entry with why it cannot be used; the others go on.

    Raises
    ------
    OSError
        If the disk takes nothing, which is no tomogram's fault.
    """
    told = told_failure(entry.tomogram, entry.path, error)
    return entry.failed(entry.path, ValueError(told))


def add_failed(parser: argparse.ArgumentParser) -> None:
    """Add `--failed`, for those tomograms that this stage cannot use."""
    parser.add_argument(
        "--failed", type=Path, help="manifest to write of tomograms that failed here"
    )


def stop_if_disk_is_full(error: Exception) -> None:
    """Raise the error again if every other tomogram would meet it too."""
    if isinstance(error, OSError) and error.errno in DISK_ADVICE:
        raise error


def told_failure(name: object, path: Path, error: Exception) -> str:
    """Return why one tomogram failed, which is logged, an unknown kind with its trace.

    Raises
    ------
    Exception
        The error itself if every other tomogram would meet it too: the disk is full.
    """
    stop_if_disk_is_full(error)
    text = str(error) or f"{path}: the memory is too small for it"
    known = isinstance(error, (ValueError, OSError, MemoryError))
    if not known:
        text = (
            f"{path}: unexpected {type(error).__name__} ({error}), a fault of this"
            " program; its log has the trace, please report it"
        )
    logger.error("%s cannot be used: %s", name, text, exc_info=not known)
    return text


def add_leave(parser: argparse.ArgumentParser) -> None:
    """Add the options by which doubtful volumes are read all the same."""
    parser.add_argument(
        "--missing-chunks",
        choices=("error", "fill"),
        default="error",
        help="of Zarr and HDF5 volumes: refuse, or read as their fill value; error",
    )
    parser.add_argument(
        "--stacks-are-volumes",
        action="store_true",
        help="read MRC files that their header or name calls stacks of images",
    )


def leave(given: argparse.Namespace | TomogramRow) -> dict[str, bool]:
    """Return what the readers of volumes are to accept, as their arguments."""
    return {
        "may_be_stack": given.stacks_are_volumes,
        "may_be_sparse": given.missing_chunks == "fill",
    }


def read_section(paths: Iterable[Path], section: str, kind: type[Section]) -> Section:
    """Return one section of the settings from its file `<section>.json`.

    Raises
    ------
    ValueError
        If a value does not fit, or the file is damaged. A section without a file
        has its defaults.
    """
    for path in paths:
        if path.stem == section:
            return _validated(path, TypeAdapter(kind))
    return TypeAdapter(kind).validate_python({})


def read_particles(paths: Iterable[Path]) -> tuple[Particle, ...]:
    """Return the particles from `particles.json`."""
    for path in paths:
        if path.stem == "particles":
            return _validated(path, TypeAdapter(tuple[Particle, ...]))
    raise ValueError("expected a particles.json among --settings; add it")


def _validated(path: Path, kind: TypeAdapter[Section]) -> Section:
    text = checked_file(path, "JSON of settings").read_text()
    try:
        json_of(text)
        return kind.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"settings {path}:\n{explained(error)}") from error
    except ValueError as error:
        raise ValueError(f"settings {path} are no JSON: {error}; mend them") from error


def add_settings(parser: argparse.ArgumentParser, sections: str) -> None:
    """Add `--settings`, naming the sections that the verb reads."""
    parser.add_argument(
        "--settings",
        nargs="+",
        type=Path,
        default=[],
        metavar="JSON",
        help=f"files <section>.json; read here: {sections}",
    )


def fingerprint(*parts: object) -> str:
    """Return a short digest of anything with a faithful text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]


class _Printable(logging.Formatter):
    """Lines that a terminal shows as they are: what files say is among them."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line, its control characters written out."""
        return printable(super().formatMessage(record))


def run_logged(verb: Callable[[], object]) -> int:
    """Run a verb with progress on the terminal; a user's mistake gives one line."""
    # Of several processes that train as one, the first tells.
    first = os.environ.get("RANK", "0") == "0"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(
        level=logging.INFO if first else logging.ERROR, handlers=[handler], force=True
    )
    logging.captureWarnings(capture=True)
    try:
        with leaving_when_asked():
            verb()
    except (ValueError, FileNotFoundError) as error:
        logger.error("error: %s", error)
        return 1
    except Interrupted as error:
        logger.warning("%s", error)
        return error.exit_status
    except MemoryError as error:
        logger.error("error: %s", str(error) or "the memory is too small for this")
        return 1
    except OSError as error:
        advice = DISK_ADVICE.get(error.errno or 0)
        if advice:
            logger.error("error: %s; %s, then run again", error, advice)
        elif error.filename is not None:
            # A path that a user gave, not a slip of ours.
            name = cut(os.fsdecode(error.filename))
            logger.error("error: %s: %s; mend the path", name, error.strerror)
        else:
            raise
        return 1
    return 0
