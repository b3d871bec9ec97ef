"""Records that pass between the readers and writers of picks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from picker.picks import Picks

Kind = Literal["picker", "RELION 5", "RELION 4", "RELION 3.1", "Warp"]
Centre = Literal["size/2", "size/2-1"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TomogramPicks:
    """The picks of one tomogram, with what other programs must know of it.

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
    """

    tomogram: str
    voxel_size: float
    shape_zyx: tuple[int, int, int]
    picks: Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class StarCoordinates:
    """What a STAR file says, in its own unit, before the tomogram is known.

    Attributes
    ----------
    kind
        The convention, told by the columns.
    value_zyx
        `(n, 3)` numbers as they stand in the file.
    score
        `(n,)` scores, 1 where the file has none.
    tomogram
        Tomogram of each row; None if the file does not say.
    particle
        Class of each row; None if the file does not say.
    tilt_pixel_size
        t [Å]; None if the file does not say.
    warnings
        What was left out.
    """

    kind: Kind
    value_zyx: NDArray[np.float64]
    score: NDArray[np.float32]
    tomogram: list[str] | None = None
    particle: list[str] | None = None
    tilt_pixel_size: float | None = None
    warnings: tuple[str, ...] = ()
