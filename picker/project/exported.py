"""What is written beside exported picks: where they came from, and what they were."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter

from picker import __version__
from picker.config import Split  # noqa: TC001, pydantic reads it
from picker.core.files import written_whole
from picker.project.json_files import read_record
from picker.project.records import ShapeZYX, Stamp, VoxelSize  # noqa: TC001, as above

if TYPE_CHECKING:
    from pathlib import Path

PROVENANCE = "provenance.json"
"""Name of the file, in the folder of an export."""
_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenThreshold:
    """The lowest score of a particle's picks, and what it rests on."""

    __pydantic_config__ = _CONFIG
    threshold: float
    source: str
    """pick.thresholds, if the user set it; else the split it was chosen on, or none: it
    is the method's own."""
    num_truth: int = 0
    """Number of known particles that it was chosen on."""
    f: float | None = None
    """F-beta at the threshold on these; None: not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedTomogram:
    """A tomogram whose picks were exported."""

    __pydantic_config__ = _CONFIG
    tomogram: str
    split: Split
    picks: dict[str, int]
    """Number of picks of each particle."""
    fingerprint: str
    """Of what the picks were made from."""
    voxel_size: VoxelSize
    """Voxel size of the user's volume [Å]."""
    shape_zyx: ShapeZYX
    """Shape of the user's volume [voxels]."""
    tilt_pixel_size: float | None = None
    """Unbinned pixel size of its tilt series [Å]."""
    tilt_size_zyx: ShapeZYX | None = None
    """Its size in these pixels."""
    called: str | None = None
    """Its name in the files, if it differs."""
    inputs: dict[str, Stamp] = field(default_factory=dict)
    """The user's files, each with size [bytes] and modification time [ns]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedFile:
    """One file of an export."""

    __pydantic_config__ = _CONFIG
    sha256: str
    """Digest of its content, as the program sha256sum writes it."""
    tomogram: str | None = None
    """The one tomogram that it is of; None: several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """Where the picks of an export came from."""

    __pydantic_config__ = _CONFIG
    version: str = __version__
    """Of this program."""
    run: str
    """The method, or the cell of a benchmark; empty: not known."""
    project: str
    """Folder where relative paths start."""
    target: str
    """The program that the files are for."""
    model: str
    """Fingerprint of the model that gave the scores; empty: not known."""
    thresholds: dict[str, ChosenThreshold]
    settings: dict[str, Any]
    """Values of the sections that the picks and files depend on."""
    tilt_series: str | None = None
    """RELION's tomograms.star, if sizes are from there."""
    tomograms: tuple[ExportedTomogram, ...]
    files: dict[str, ExportedFile]
    """Path in the folder: the file."""
    warnings: tuple[str, ...] = ()
    """What the export warned of."""


EXPORTED = TypeAdapter(Exported)


def sha256_of(path: Path) -> str:
    """Return the digest of a file's content, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_exported(folder: Path, exported: Exported) -> None:
    """Write the record of an export into its folder."""
    with written_whole(folder / PROVENANCE) as temporary:
        temporary.write_bytes(EXPORTED.dump_json(exported, indent=1))


def read_exported(path: Path) -> Exported:
    """Return the record of an export.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged, or another version's that has other fields.
    """
    return read_record(path, EXPORTED, "the record of an export")
