"""Records that pass between the readers and writers of picks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.core.picks import Picks

Centre = Literal["size/2", "size/2-1"]
Sizes = float | tuple[float, ...]
Unit = Literal[
    "Å",
    "voxels",
    "Å from the centre",
    "pixels from the centre",
    "pixels of the tilt series",
    "fractions of the tomogram",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class TiltSeries:
    """What RELION knows of the tilt series that a tomogram was made of.

    Attributes
    ----------
    pixel_size
        t, unbinned [Å].
    size_zyx
        Size of the tomogram in pixels of t; None if it is not known.
    """

    pixel_size: float
    size_zyx: tuple[int, int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TomogramPicks:
    """The picks of one tomogram, with what other programs need to know of it.

    Attributes
    ----------
    tomogram
        Name.
    voxel_size
        v [Å].
    shape_zyx
        Number of voxels.
    picks
        Positions in Å.
    tilt_pixel_size
        t [Å] of its own tilt series; None: what is set for all, or v.
    tilt_size_zyx
        Size of the tomogram in pixels of t; None: its own size, rounded to such.
    called
        Its name within the files of other programs; None: `tomogram`, which always
        names the files themselves.
    in_relion
        Its name in RELION's tomograms.star; None: `own_name`.
    file
        Its file, as the table names it; None: it is not known.
    """

    tomogram: str
    voxel_size: float
    shape_zyx: tuple[int, int, int]
    picks: Picks
    tilt_pixel_size: float | None = None
    tilt_size_zyx: tuple[int, int, int] | None = None
    called: str | None = None
    in_relion: str | None = None
    file: Path | None = None

    @property
    def relion_name(self) -> str:
        """What RELION calls it; RELION tells tomograms apart by this name alone."""
        return self.in_relion or self.own_name

    @property
    def micrograph_name(self) -> str:
        """What RELION calls a micrograph: the path of its file."""
        return self.called or str(self.file or f"{self.tomogram}.mrc")

    @property
    def is_micrograph(self) -> bool:
        """Whether it is one slice."""
        return self.shape_zyx[0] == 1

    @property
    def own_name(self) -> str:
        """What other programs call it."""
        return self.called or self.tomogram

    def pixel_size(self, common: float | None) -> float:
        """Return t [Å]: its own, else the common one, else v."""
        return self.tilt_pixel_size or common or self.voxel_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What an IMOD model says of the volume it was drawn on, and of its contours.

    Attributes
    ----------
    shape_zyx
        Number of voxels of that volume; None if the model does not say.
    pixel_size
        Its voxel size [Å]; None if the model does not say.
    contour
        `(n,)` number of each point's contour; -1 where points are certainly picks.
    is_part
        That volume is a part of a larger one; points count from the part's corner.
    is_extent
        `shape_zyx` may be no volume's, but how far the points reach.
    """

    shape_zyx: tuple[int, int, int] | None
    pixel_size: float | None
    contour: NDArray[np.int64]
    is_part: bool = False
    is_extent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Coordinates:
    """What a file of picks says, in its own unit, before the tomogram is known.

    Attributes
    ----------
    kind
        The kind of file, recognised by its content.
    unit
        What its numbers are: Å or voxels from the centre of voxel 0; Å or pixels of
        the tilt series from the tomogram's centre; pixels of the tilt series from 1;
        or fractions of the tomogram's size.
    value_zyx
        `(n, 3)` numbers as they stand in the file, or shifted to voxel 0 where the
        kind alone fixes the shift.
    score
        `(n,)` scores, 1 where the file has none.
    tomogram
        Tomogram of each row; None if the file does not say.
    particle
        Class of each row, empty where the row does not say it; None if none does.
    tilt_pixel_size
        t [Å]; one for each row if they differ; None if the file does not say.
    pixel_size
        Edge [Å] of the voxels that the file counts, where it says so; one for each row
        if they differ; None: the tomogram's voxels.
    doubtful_sizes
        Column: a pixel size [Å] that may be this edge or not; one for each row if they
        differ.
    shift_zyx
        `(n, 3)` shifts [Å] to add to the positions; None if there are none.
    rotation
        `(n, 3, 3)` matrices as `Picks` have them, NaN where unknown; None if there are
        none.
    filament
        `(n,)` number of the filament that each is of; None if the file does not say.
    drawing
        What an IMOD model says of its volume and contours; None for other kinds.
    has_z
        Whether the file has a z. Else it is of micrographs, and z is 0.
    context
        What lies around each pick, as `Picks` have it; empty if the file does not say.
    warnings
        What was left out or guessed.
    """

    kind: str
    unit: Unit
    value_zyx: NDArray[np.float64]
    score: NDArray[np.float32]
    tomogram: list[str] | None = None
    particle: list[str] | None = None
    tilt_pixel_size: Sizes | None = None
    pixel_size: Sizes | None = None
    doubtful_sizes: Mapping[str, Sizes] = field(default_factory=dict)
    shift_zyx: NDArray[np.float64] | None = None
    rotation: NDArray[np.float64] | None = None
    filament: NDArray[np.int64] | None = None
    drawing: Drawing | None = None
    has_z: bool = True
    context: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def coordinates_from_xyz(
    kind: str,
    unit: Unit,
    xyz: Sequence[Sequence[float]] | NDArray[np.floating],
    *,
    score: Sequence[float] | NDArray[np.floating] | None = None,
    **more: Any,
) -> Coordinates:
    """Return `Coordinates` from `(n, 3)` numbers in the order x, y, z."""
    value = np.asarray(xyz, np.float64).reshape(-1, 3)
    # A score too large for float32 becomes infinite, which is refused later.
    with np.errstate(over="ignore"):
        scores = np.ones(len(value)) if score is None else np.asarray(score)
        return Coordinates(
            kind=kind,
            unit=unit,
            value_zyx=value[:, ::-1],
            score=scores.astype(np.float32),
            **more,
        )


def one_if_equal(sizes: Sequence[float]) -> Sizes | None:
    """Return the sizes, or one of them if all are equal; None if there are none."""
    different = set(sizes)
    return tuple(sizes) if len(different) > 1 else next(iter(different), None)
