"""Manifests: the records of the tomograms that one job of a stage worked at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter

from picker.core.files import checked_file, written_whole
from picker.project.json_files import read_record
from picker.project.records import Entry, Failed, Picked, Predicted, Preprocessed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT: Literal[2] = 2
"""Of manifests; those of version 0.1 had none."""
Done = TypeVar("Done", Preprocessed, Predicted, Picked)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What one job of a stage did; its files are whole before it is written."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    tomograms: tuple[Annotated[Entry, Field(discriminator="state")], ...]
    histograms: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Of predicted ones, particle: how many scores fall into each bin."""
    model: str | None = None
    """Of predicted ones: fingerprint of the model, whose scores these are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Saved(Manifest):
    """A manifest as a file has it."""

    format: Literal[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """All that one model predicted."""

    tomograms: tuple[Predicted | Failed, ...]
    histograms: tuple[Mapping[str, Sequence[int]], ...]
    """One of each shard."""
    model: str
    """The model's fingerprint; empty without a shard."""


SAVED = TypeAdapter(_Saved)


def read_manifest(path: Path) -> Manifest:
    """Return a manifest of any stage.

    Raises
    ------
    ValueError
        If it is damaged, no manifest, or one of version 0.1.
    """
    try:
        return read_record(path, SAVED, "the manifest of a stage")
    except ValueError as error:
        if _is_old(path):
            raise ValueError(
                f"{path} was written by version 0.1, expected format {FORMAT} of this"
                " version; run again, and it is made again"
            ) from error
        raise


def read_preprocessed(paths: Iterable[Path]) -> list[Preprocessed | Failed]:
    """Return the tomograms of preprocessed shards, failed ones among them.

    Raises
    ------
    ValueError
        As `read_manifest`, or if it is the manifest of another stage.
    """
    return [e for path in paths for e in _of(Preprocessed, path, read_manifest(path))]


def read_picked(paths: Iterable[Path]) -> list[Picked | Failed]:
    """Return the tomograms with picks, failed ones too; errors as before."""
    return [e for path in paths for e in _of(Picked, path, read_manifest(path))]


def read_predicted(paths: Iterable[Path]) -> Predictions:
    """Return what the manifests of predicted shards say.

    Raises
    ------
    ValueError
        If they are of several models, or do not say of which.
    """
    manifests = {path: read_manifest(path) for path in paths}
    models = {manifest.model: path for path, manifest in manifests.items()}
    if None in models:
        raise ValueError(
            f"{models[None]} does not say which model predicted; delete it and predict"
            " again, candidates that are there are kept"
        )
    if len(models) > 1:
        several = ", ".join(
            f"{path} by {(key or '')[:12]}" for key, path in models.items()
        )
        raise ValueError(
            f"predicted by several models, whose scores do not compare: {several};"
            " predict them all with one"
        )
    return Predictions(
        tomograms=tuple(
            entry
            for path, manifest in manifests.items()
            for entry in _of(Predicted, path, manifest)
        ),
        histograms=tuple(manifest.histograms for manifest in manifests.values()),
        model=next(iter(models), None) or "",
    )


def write_manifest(
    path: Path,
    entries: Iterable[Entry],
    *,
    histograms: Mapping[str, tuple[int, ...]] | None = None,
    model: str | None = None,
) -> None:
    """Write a manifest, atomically."""
    manifest = _Saved(
        format=FORMAT,
        tomograms=tuple(entries),
        histograms=dict(histograms or {}),
        model=model,
    )
    with written_whole(path) as temporary:
        temporary.write_bytes(SAVED.dump_json(manifest, indent=1))


def _of(kind: type[Done], path: Path, manifest: Manifest) -> Iterator[Done | Failed]:
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
        said = json.loads(checked_file(path, "a manifest").read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and "tomograms" in said and "format" not in said
