"""What a stage says of each tomogram: one record a stage, many in a manifest.

A tomogram is preprocessed, then predicted, then picked; or it failed at one of these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003, pydantic reads it
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from picker.config import Split, checked_name
from picker.core.files import checked_file, written_whole
from picker.project.records import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FORMAT: Literal[2] = 2
"""Of manifests; those of version 0.1 had none."""

Length = Annotated[int, Field(gt=0, le=1_000_000)]
ShapeZYX = tuple[Length, Length, Length]
VoxelSize = Annotated[float, Field(gt=0)]
Name = Annotated[str, AfterValidator(checked_name)]
"""Files are called after it."""
Stamp = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What is known of a tomogram from the start."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    tomogram: Name
    split: Split
    warnings: tuple[str, ...] = ()
    stamps: dict[str, Stamp] = field(default_factory=dict)
    """What it was made from: each file's size [bytes] and modification time [ns]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessed(Head):
    """A tomogram whose volume is stored."""

    state: Literal["preprocessed"] = "preprocessed"
    volume: Path
    fingerprint: str
    """What the volume, labels and mask were made from; the volume says it too."""
    voxel_size: VoxelSize
    """Of the volume [Å]. Here is the one place that it is read from: the volume has it
    for other programs."""
    shape_zyx: ShapeZYX
    """Of the volume [voxels]."""
    source_voxel_size: VoxelSize
    """Of the file as it came, before any rescaling [Å]: what other programs open."""
    source_shape_zyx: ShapeZYX
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


class _Later:
    """What is said of a tomogram once its volume is stored."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    preprocessed: Preprocessed

    @property
    def tomogram(self) -> str:
        """Its name."""
        return self.preprocessed.tomogram

    @property
    def split(self) -> Split:
        """What it is used for."""
        return self.preprocessed.split

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about it."""
        return self.preprocessed.warnings


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted(_Later):
    """A tomogram, or a noisy copy of one, whose peaks are found."""

    state: Literal["predicted"] = "predicted"
    preprocessed: Preprocessed
    candidates: Path
    fingerprint: str
    """What the candidates were made from, by which the manifest changes when they do:
    Snakemake takes a small file of the same content for the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picked(_Later):
    """A tomogram with its picks."""

    state: Literal["picked"] = "picked"
    preprocessed: Preprocessed
    picks: Path
    fingerprint: str
    """What the picks were made from."""
    counts: dict[str, int]
    """Number of picks of each particle."""
    expected: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Particle: how many of its picks should be right, and of how many particles there
    should be; empty where no validation tomograms tell."""
    mean_score: float | None = None
    """Mean score of its picks, by which tomograms like those that were labeled stand
    out from others; None without a pick."""

    @property
    def num_picks(self) -> int:
        """Number of picks of all particles."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed(Head):
    """A tomogram that could not be used; the others go on without it."""

    state: Literal["failed"] = "failed"
    path: Path
    """What the stage was to make of it, or what it was to read."""
    error: str
    """Why it could not."""
    retry: bool = False
    """The error may have passed by the next run: a disk, memory, not the input."""
    preprocessed: Preprocessed | None = None
    """None if it failed before."""


Entry = Preprocessed | Predicted | Picked | Failed
Done = TypeVar("Done", Preprocessed, Predicted, Picked)


def failed(entry: Entry, path: Path, error: str) -> Failed:
    """Return a tomogram with the reason why a stage could not go on with it."""
    before = entry if isinstance(entry, Preprocessed) else entry.preprocessed
    return Failed(
        tomogram=entry.tomogram,
        split=entry.split,
        warnings=entry.warnings,
        stamps=before.stamps if before else {},
        path=path,
        error=error,
        retry=True,
        preprocessed=before,
    )


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
PREPROCESSED = TypeAdapter(Preprocessed)


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
