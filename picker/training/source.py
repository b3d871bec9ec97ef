"""A tomogram that patches are cut from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from picker.training.review import Places, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zarr
    from numpy.typing import NDArray

    from picker.training.review import Review
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
    review
        Of a tomogram of which somebody has judged single places; elsewhere nothing is
        known. None: somebody has looked at all of the region.
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
    review: Review | None = None

    @property
    def is_known_everywhere(self) -> bool:
        """Whether no voxel is outside the region or in a particle that is."""
        whole = self.region is None and self.review is None
        return whole and not len(self.outside_zyx)

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
            outside = Places(self.outside_zyx, self.outside_particle)
            inside *= 1 - near(outside, self.radius, corner_zyx, shape_zyx, stride)
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
        labels = Places(self.index_zyx, self.particle)
        return near(labels, self.radius, corner_zyx, shape_zyx, stride)

    def answered(
        self,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return where somebody has judged a patch, class by class, 1 there, else 0.

        Within a radius of a particle all classes are known, for no other particle has
        its centre so near; within a radius of what is wrong its class alone. Within a
        radius of what is unjudged nothing of its class is known.

        Parameters
        ----------
        corner_zyx, shape_zyx, stride
            As for `known`.

        Returns
        -------
        `(class, z/R, y/R, x/R)`; without a review ones, `(class, 1, 1, 1)`.
        """
        if self.review is None:
            return np.ones((len(self.radius), 1, 1, 1), np.float32)
        box = self.radius, corner_zyx, shape_zyx, stride
        at_particles = self.near_labels(corner_zyx, shape_zyx, stride)
        by_class = []
        for number in range(len(self.radius)):
            wrong = near(self.review.wrong.of(number), *box)
            unjudged = near(self.review.unjudged.of(number), *box)
            by_class.append(np.maximum(at_particles, wrong) * (1 - unjudged))
        return np.stack(by_class)

    def judged(
        self,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return where somebody has judged a patch, for who tells no classes apart.

        As `answered`, but what is wrong is taken for none of any class, and nothing is
        known near what is unjudged.

        Parameters
        ----------
        corner_zyx, shape_zyx, stride
            As for `known`.

        Returns
        -------
        `(z/R, y/R, x/R)`, 1 there and 0 elsewhere; without a review ones.
        """
        if self.review is None:
            return np.ones([edge // stride for edge in shape_zyx], np.float32)
        box = self.radius, corner_zyx, shape_zyx, stride
        wrong, unjudged = (
            near(self.review.wrong, *box),
            near(self.review.unjudged, *box),
        )
        at_particles = self.near_labels(corner_zyx, shape_zyx, stride)
        return np.maximum(at_particles, wrong) * (1 - unjudged)

    def not_wrong(
        self,
        corner_zyx: NDArray[np.int64],
        shape_zyx: tuple[int, int, int],
        stride: int,
    ) -> NDArray[np.float32]:
        """Return where nobody has said that there is nothing of a class, as `answered`.

        Elsewhere a teacher that finds a particle is wrong.
        """
        if self.review is None:
            return np.ones((len(self.radius), 1, 1, 1), np.float32)
        box = self.radius, corner_zyx, shape_zyx, stride
        wrong = self.review.wrong
        return np.stack([1 - near(wrong.of(n), *box) for n in range(len(self.radius))])


def patch_shape(
    wanted_zyx: tuple[int, int, int], sources: Sequence[PatchSource]
) -> tuple[int, int, int]:
    """Return the patch size [voxels], even and no larger than any tomogram."""
    z, y, x = (
        min(wanted, *(source.volume.shape[axis] for source in sources)) // 2 * 2
        for axis, wanted in enumerate(wanted_zyx)
    )
    return z, y, x
