"""Manifests: the records of the tomograms that one job of a stage worked at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic_core import from_json

from picker.core.files import checked_file, written_whole
from picker.project.json_files import damaged, read_record
from picker.project.records import (
    Detected,
    Entry,
    Failed,
    Picked,
    Predicted,
    Preprocessed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT: Literal[2] = 2
"""Format of manifests; those of version 0.1 do not name one."""
FIRST, LAST = b',"tomograms":[\n', b"]}\n"
"""End of a manifest's first line, and its last one; each between is a tomogram's."""
EXPECTED = "the manifest of a stage"
Done = TypeVar("Done", Preprocessed, Detected, Predicted, Picked)
OneEntry = Annotated[Entry, Field(discriminator="state")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The tomograms of one job of a stage, written after all of its files."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    tomograms: tuple[OneEntry, ...]
    histograms: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """For predicted tomograms, the number of each particle's scores in each bin."""
    model: str | None = None
    """For detected and predicted ones, the fingerprint of what gave the scores."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Saved(Manifest):
    """A manifest as its file has it."""

    format: Literal[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """The tomograms that one model predicted, from several manifests."""

    tomograms: tuple[Predicted | Failed, ...]
    histograms: tuple[Mapping[str, Sequence[int]], ...]
    """One for each shard, as in `Manifest`."""
    model: str
    """The model's fingerprint; empty without a shard."""


SAVED = TypeAdapter(_Saved)
ENTRY: TypeAdapter[Entry] = TypeAdapter(OneEntry)
FAILED = TypeAdapter(list[Failed])


def read_manifest(path: Path) -> Manifest:
    """Return a manifest of any stage.

    Raises
    ------
    ValueError
        If it is damaged, no manifest, or one of version 0.1.
    """
    try:
        return read_record(path, SAVED, EXPECTED)
    except ValueError as error:
        if _is_old(path):
            raise ValueError(
                f"{path} was written by version 0.1; expected format {FORMAT} of this"
                " version. Run again, and it is made again"
            ) from error
        raise


def plain_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a manifest of any stage as its JSON has them, unchecked.

    They are read one by one: neither their time nor their memory is spent where files'
    names are all that is asked of thousands.

    Raises
    ------
    ValueError
        If it is damaged or of another format, which may show after some entries.
    """
    with checked_file(path, EXPECTED).open("rb") as file:
        try:
            line = file.readline()
            by_line = line.endswith(FIRST)
            # On other lines, as version 0.2 wrote it, it is read at once.
            content = from_json(line[:-1] + b"]}" if by_line else line + file.read())
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}")
            yield from content["tomograms"]
            while by_line and (line := file.readline()) != LAST:
                yield from_json(line.removesuffix(b"\n").removesuffix(b","))
            if file.read(1):
                raise ValueError("more after its end")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise damaged(path, EXPECTED, error) from error


def read_failed(path: Path) -> list[Failed]:
    """Return the tomograms that failed; the records of others are not checked.

    Raises
    ------
    ValueError
        As `read_manifest`.
    """
    try:
        entries = plain_entries(path)
        return FAILED.validate_python([e for e in entries if e["state"] == "failed"])
    except (ValueError, KeyError, TypeError):
        # It says what is wrong.
        return [e for e in read_manifest(path).tomograms if isinstance(e, Failed)]


def read_preprocessed(paths: Iterable[Path]) -> list[Preprocessed | Failed]:
    """Return the tomograms of preprocessed shards, failed ones among them.

    Raises
    ------
    ValueError
        As `read_manifest`, or if it is the manifest of another stage.
    """
    return [
        e
        for path in paths
        for e in _entries_of(Preprocessed, path, read_manifest(path))
    ]


def read_picked(paths: Iterable[Path]) -> list[Picked | Failed]:
    """Return the tomograms with picks, failed ones among them.

    Raises
    ------
    ValueError
        As `read_preprocessed`.
    """
    return [e for path in paths for e in _entries_of(Picked, path, read_manifest(path))]


def read_predicted(paths: Iterable[Path]) -> Predictions:
    """Return the tomograms of predicted shards, failed ones among them.

    Raises
    ------
    ValueError
        As `read_preprocessed`, or if they are of several models, or of one that they do
        not name.
    """
    manifests = {path: read_manifest(path) for path in paths}
    models = {manifest.model: path for path, manifest in manifests.items()}
    if None in models:
        raise ValueError(
            f"{models[None]} does not say which model predicted; expected its"
            " fingerprint. Delete the file and predict again; candidates are kept"
        )
    if len(models) > 1:
        several = ", ".join(
            f"{path} by {(key or '')[:12]}" for key, path in models.items()
        )
        raise ValueError(
            f"predicted by several models, whose scores do not compare: {several};"
            " expected one, predict everything with it"
        )
    return Predictions(
        tomograms=tuple(
            entry
            for path, manifest in manifests.items()
            for entry in _entries_of(Predicted, path, manifest)
        ),
        histograms=tuple(manifest.histograms for manifest in manifests.values()),
        model=next(iter(models), None) or "",
    )


def read_detected(path: Path) -> tuple[list[Detected | Failed], str]:
    """Return the tomograms of a shard whose slices were looked at, and by which model.

    Raises
    ------
    ValueError
        As `read_preprocessed`, or if it does not name the model.
    """
    manifest = read_manifest(path)
    if manifest.model is None:
        raise ValueError(
            f"{path} does not say which model looked; expected its fingerprint. Delete"
            " the file and predict again; detections are kept"
        )
    return list(_entries_of(Detected, path, manifest)), manifest.model


def write_manifest(
    path: Path,
    entries: Iterable[Entry],
    *,
    histograms: Mapping[str, tuple[int, ...]] | None = None,
    model: str | None = None,
) -> None:
    """Write a manifest, atomically; each tomogram on a line, for `plain_entries`."""
    manifest = _Saved(
        format=FORMAT, tomograms=(), histograms=dict(histograms or {}), model=model
    )
    head = SAVED.dump_json(manifest, exclude={"tomograms"}).removesuffix(b"}")
    lines = b",\n".join(map(ENTRY.dump_json, entries))
    with written_whole(path) as temporary:
        temporary.write_bytes(head + FIRST + lines + (b"\n" if lines else b"") + LAST)


def _entries_of(
    kind: type[Done], path: Path, manifest: Manifest
) -> Iterator[Done | Failed]:
    """Yield a manifest's tomograms, all of one stage."""
    for entry in manifest.tomograms:
        if not isinstance(entry, kind | Failed):
            raise ValueError(
                f"{path} is a manifest of {entry.state} tomograms; expected"
                f" {kind.__name__.lower()} ones"
            )
        yield entry


def _is_old(path: Path) -> bool:
    """Return whether a file is a manifest of version 0.1."""
    try:
        content = json.loads(checked_file(path, "a manifest").read_bytes())
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(content, dict) and "tomograms" in content and "format" not in content
    )
