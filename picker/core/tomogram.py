"""A tomogram and its voxel size, and conversions between indices and positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Tomogram:
    """One reconstructed volume, or a micrograph, which is a volume of one slice.

    Attributes
    ----------
    name
        Identifies the tomogram in tables, files and reports.
    volume
        `(z, y, x)` density, in memory or mapped; may be read-only. Its type is one
        whose numbers float32 holds.
    voxel_size
        Edge of one voxel [Å], isotropic.
    """

    name: str
    volume: NDArray[Any]
    voxel_size: float

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Number of voxels along z, y and x."""
        z, y, x = self.volume.shape
        return (z, y, x)

    @property
    def is_micrograph(self) -> bool:
        """Whether it is an image: one slice."""
        return len(self.volume) == 1


def position_from_index(
    index_zyx: NDArray[np.floating], voxel_size: float
) -> NDArray[np.float64]:
    """Return the position [Å] of `(..., 3)` voxel indices; index 0 is at 0 Å.

    Position 0 is the centre of voxel 0, not its corner.
    """
    return np.asarray(index_zyx, np.float64) * voxel_size


def index_from_position(
    position_zyx: NDArray[np.floating], voxel_size: float
) -> NDArray[np.float64]:
    """Return the fractional voxel index of `(..., 3)` positions [Å]."""
    return np.asarray(position_zyx, np.float64) / voxel_size
