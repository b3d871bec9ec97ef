"""What is known of a tomogram after each stage: one record a stage.

A tomogram is preprocessed, then predicted, then picked; or it failed at one of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003, pydantic reads it
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from picker.config import Split, checked_name

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
PREPROCESSED = TypeAdapter(Preprocessed)


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
