"""What is known of a tomogram after each stage: one record a stage.

A tomogram is preprocessed, then predicted, then picked; or it failed at one of these.
A method that looks at slices detects first, and what it detects is linked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003, pydantic reads it
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from picker.config import Split, checked_name
from picker.core.gold import Bead  # noqa: TC001, pydantic reads it
from picker.core.slab import Slab  # noqa: TC001, pydantic reads it

Length = Annotated[int, Field(gt=0, le=1_000_000)]
ShapeZYX = tuple[Length, Length, Length]
VoxelSize = Annotated[float, Field(gt=0)]
Name = Annotated[str, AfterValidator(checked_name)]
"""Name of a tomogram; its files are called after it."""
Stamp = tuple[int, int]
Half = Literal["even", "odd"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What is known of a tomogram from the start."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    tomogram: Name
    split: Split
    warnings: tuple[str, ...] = ()
    stamps: dict[str, Stamp] = field(default_factory=dict)
    """The files it was made from, each with size [bytes] and modification time [ns]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessed(Head):
    """A tomogram whose volume is stored, or can be made again at any time."""

    state: Literal["preprocessed"] = "preprocessed"
    volume: Path
    """The stored volume, or the recipe in its place: see `picker.jobs.stored`."""
    fingerprint: str
    """Of what the volume, labels and mask were made from; the volume has it too."""
    voxel_size: VoxelSize
    """Voxel size of the volume [Å]. It is read from here alone; the volume's metadata
    have it for other programs."""
    shape_zyx: ShapeZYX
    """Shape of the volume [voxels]."""
    source_voxel_size: VoxelSize
    """Voxel size [Å] of the user's file, before any rescaling, as other programs open
    it."""
    source_shape_zyx: ShapeZYX
    """Shape of the user's file [voxels]."""
    source: Path | None = None
    """The user's file, as the table names it."""
    tilt_pixel_size: float | None = None
    """Unbinned pixel size of its own tilt series [Å]."""
    called: str | None = None
    """Its name in the files of other programs, if it differs."""
    labels: Path | None = None
    """Known picks in the program's own format."""
    expected: dict[str, int] = field(default_factory=dict)
    """With split partial: how many of each particle there should be, labeled ones
    included, where that is known."""
    mask: Path | None = None
    """Volume that is above 0 where picks may be: in the user's mask, in the slab and
    off gold. None: everywhere."""
    slab: Slab | None = None
    """The lamella's faces, as the program found them or the user gave them."""
    gold: tuple[Bead, ...] | None = None
    """The gold beads; None: they were not looked for."""
    membranes: Path | None = None
    """The user's segmentation of its membranes."""
    noise: Path | None = None
    """Volume of (even − odd) / 2 in the units of `volume`, or the recipe of both, if
    there are halves; see `picker.volumes.halves`."""
    noise_spread: float | None = None
    """Standard deviation of that noise where picks may be."""


class _Later:
    """Properties of the records that hold a preprocessed tomogram."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    preprocessed: Preprocessed

    @property
    def tomogram(self) -> str:
        """Its name."""
        return self.preprocessed.tomogram

    @property
    def split(self) -> Split:
        """Its split."""
        return self.preprocessed.split

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about it."""
        return self.preprocessed.warnings


@dataclass(frozen=True, kw_only=True, slots=True)
class Detected(_Later):
    """A tomogram, a noisy copy or a half of one, with what slices show of particles."""

    state: Literal["detected"] = "detected"
    preprocessed: Preprocessed
    detections: Path
    fingerprint: str
    """Of what the detections were made from."""
    half: Half | None = None
    """Which half; None: the whole tomogram."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted(_Later):
    """A tomogram, a noisy copy of one or a half of one, with its candidates."""

    state: Literal["predicted"] = "predicted"
    preprocessed: Preprocessed
    candidates: Path
    fingerprint: str
    """Of what the candidates were made from. With it the manifest changes when they do:
    Snakemake takes a small file of the same content for unchanged."""
    half: Half | None = None
    """Which half was predicted; None: the whole tomogram."""
    detections: Path | None = None
    """What the candidates were linked of; None: nothing is linked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picked(_Later):
    """A tomogram with its picks."""

    state: Literal["picked"] = "picked"
    preprocessed: Preprocessed
    picks: Path
    fingerprint: str
    """Of what the picks were made from."""
    counts: dict[str, int]
    """Number of picks of each particle."""
    expected: dict[str, tuple[float, float]] = field(default_factory=dict)
    """For each particle, how many of its picks should be right, and how many particles
    there should be; empty without validation tomograms."""
    mean_score: float | None = None
    """Mean score of its picks, low for tomograms unlike the labeled ones; None without
    a pick."""
    picking_warnings: tuple[str, ...] = ()
    """Warnings of picking, besides those about the tomogram."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about it, and of picking."""
        return (*self.preprocessed.warnings, *self.picking_warnings)

    @property
    def num_picks(self) -> int:
        """Number of picks of all particles."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed(Head):
    """A tomogram that could not be used; the stages after it leave it out."""

    state: Literal["failed"] = "failed"
    path: Path
    """The file that the stage should have made or read."""
    error: str
    """Why the stage failed."""
    retry: bool = False
    """Whether the next run may succeed, as after an error of a disk or of memory."""
    preprocessed: Preprocessed | None = None
    """The record before; None if preprocessing failed."""


Entry = Preprocessed | Detected | Predicted | Picked | Failed
PREPROCESSED = TypeAdapter(Preprocessed)


def failed(entry: Entry, path: Path, error: str) -> Failed:
    """Return a tomogram with the reason why a stage failed on it."""
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
