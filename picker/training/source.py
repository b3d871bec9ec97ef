"""A tomogram that patches are cut from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zarr
    from numpy.typing import NDArray

    from picker.volumes.steps import Normalised

    Voxels = zarr.Array[Any] | Normalised | NDArray[np.float32]


class Noise(NamedTuple):
    """The noise by which a tomogram's halves differ from it, see `volumes.halves`.

    Attributes
    ----------
    volume
        `(z, y, x)` as the tomogram's, in its units; lazy too.
    spread
        Standard deviation of it.
    """

    volume: Voxels
    spread: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PatchSource:
    """A tomogram that patches are cut from.

    Attributes
    ----------
    name
        The tomogram's.
    volume
        `(z, y, x)`, normalised; lazy, so that only the chunks needed are read.
    index_zyx
        `(n, 3)` centres of known particles [voxels]; none in an unlabeled tomogram.
    particle
        `(n,)` class numbers.
    radius
        `(class,)` of each class's particles [voxels].
    hidden
        `(class,)` how many particles should be there without a label, NaN where nobody
        knows; None: all particles have a label.
    region
        Above 0 where somebody looked for particles, at any resolution of the same
        field of view; lazy too. None: everywhere.
    outside_zyx, outside_particle
        `(m, 3)` centres [voxels] and `(m,)` class numbers of known particles outside of
        the region or of the volume. Parts of them may lie inside, and are no
        background.
    noise
        Of its halves; None: it has none.
    """

    name: str
    volume: Voxels
    index_zyx: NDArray[np.float64]
    particle: NDArray[np.int64]
    radius: NDArray[np.float64]
    hidden: NDArray[np.float64] | None = None
    region: zarr.Array[Any] | NDArray[np.bool_] | None = None
    outside_zyx: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    outside_particle: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, np.int64)
    )
    noise: Noise | None = None

    @property
    def is_known_everywhere(self) -> bool:
        """Whether no voxel is outside the region or in a particle that is."""
        return self.region is None and not len(self.outside_zyx)

    @property
    def room(self) -> float:
        """Number of voxels in the region."""
        voxels = float(np.prod(self.volume.shape))
        if self.region is None:
            return voxels
        return voxels * float(np.mean(np.asarray(self.region[:]) > 0))

    def corner(
        self, centre_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
    ) -> NDArray[np.int64]:
        """Return the first voxel of a patch about a centre, moved into the volume.

        Parameters
        ----------
        centre_zyx
            `(3,)` [voxels].
        shape_zyx
            Of the patch [voxels].
        """
        corner = np.round(centre_zyx - np.array(shape_zyx) / 2).astype(np.int64)
        room = np.array(self.volume.shape) - shape_zyx
        return np.clip(corner, 0, room)

    def known(
        self,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return where a patch lies in the region, 1 inside and 0 outside.

        What lies within the radius of a known particle outside is outside too.

        Parameters
        ----------
        corner_zyx
            `(3,)` first voxel of the patch.
        shape_zyx
            Of the patch [voxels].
        stride
            R, input voxels per voxel of the result.

        Returns
        -------
        `(z/R, y/R, x/R)`.
        """
        inside = self._in_region(corner_zyx, shape_zyx, stride)
        if len(self.outside_zyx):
            particles = self.outside_zyx, self.outside_particle
            inside *= 1 - self._near(*particles, corner_zyx, shape_zyx, stride)
        return inside

    def _in_region(
        self,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        size = [edge // stride for edge in shape_zyx]
        if self.region is None:
            return np.ones(size, np.float32)
        places = [
            np.minimum(np.round((c + stride * np.arange(n)) * m / v), m - 1)
            for c, n, m, v in zip(
                corner_zyx, size, self.region.shape, self.volume.shape, strict=True
            )
        ]
        # Of a lazy array only the chunks of this box are read.
        low = [int(p[0]) for p in places]
        box = self.region[
            tuple(slice(a, int(p[-1]) + 1) for a, p in zip(low, places, strict=True))
        ]
        inside = np.asarray(box)[
            np.ix_(*(p.astype(int) - a for a, p in zip(low, places, strict=True)))
        ]
        return (inside > 0).astype(np.float32)

    def near_labels(
        self,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return where a patch is within a radius of a label, 1 there and 0 elsewhere.

        Nobody need look there again: no other particle has its centre so near.

        Parameters
        ----------
        corner_zyx, shape_zyx, stride
            As for `known`.

        Returns
        -------
        `(z/R, y/R, x/R)`.
        """
        particles = self.index_zyx, self.particle
        return self._near(*particles, corner_zyx, shape_zyx, stride)

    def _near(
        self,
        index_zyx: NDArray[np.float64],
        particles: NDArray[np.int64],
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return where a patch is within the radius of a particle, 1 there, else 0."""
        size = [edge // stride for edge in shape_zyx]
        near = np.zeros(size, np.float32)
        for index, particle in zip(index_zyx, particles, strict=True):
            centre = (index - corner_zyx - (stride - 1) / 2) / stride
            reach = self.radius[particle] / stride
            low = np.maximum(np.ceil(centre - reach), 0).astype(int)
            high = np.minimum(np.floor(centre + reach) + 1, size).astype(int)
            if (low >= high).any():
                continue
            z, y, x = (
                (np.arange(a, b) - c) ** 2
                for a, b, c in zip(low, high, centre, strict=True)
            )
            ball = z[:, None, None] + y[:, None] + x <= reach**2
            near[tuple(slice(a, b) for a, b in zip(low, high, strict=True))][ball] = 1
        return near


def patch_shape(
    wanted_zyx: tuple[int, int, int], sources: Sequence[PatchSource]
) -> tuple[int, int, int]:
    """Return the patch size [voxels], even and no larger than any tomogram."""
    z, y, x = (
        min(wanted, *(source.volume.shape[axis] for source in sources)) // 2 * 2
        for axis, wanted in enumerate(wanted_zyx)
    )
    return z, y, x
