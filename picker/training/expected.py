"""The mean that a target has where no label is, given how many particles are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.encodings.encoding import Encoding
    from picker.training.source import PatchSource


class HiddenMeans:
    """The mean of the target in what is open of each partial tomogram.

    Parameters
    ----------
    sources
        Labeled tomograms, partial ones among them.
    encoding
        How particles become targets.
    stride
        R, input voxels per voxel of the target.

    Attributes
    ----------
    mean
        Partial tomogram: `(class,)` mean for the particles without a label, NaN where
        nobody knows their number; 0 of a class without any label, as a number alone
        does not show what to find.
    unknown
        `(class,)` whether there is a tomogram where nobody knows; empty where none is
        partial.
    """

    def __init__(
        self, sources: Sequence[PatchSource], encoding: Encoding, stride: int
    ) -> None:
        self.mass: NDArray[np.float64] = np.zeros(0)
        self.room: dict[str, float] = {}
        self.mean: dict[str, NDArray[np.float64]] = {}
        shown = {number for source in sources for number in source.particle.tolist()}
        for source in sources:
            if source.hidden is not None:
                self.mass = mass_of_one(encoding, source.radius, stride)
                room = room_for_hidden(source, stride)
                has_label = np.isin(np.arange(len(self.mass)), list(shown))
                hidden = np.where(has_label, source.hidden, 0.0)
                self.room[source.name] = room
                self.mean[source.name] = hidden * self.mass / room
        self.unknown = np.zeros(len(self.mass), np.bool_)
        for mean in self.mean.values():
            self.unknown |= np.isnan(mean)

    def of(self, source: PatchSource) -> NDArray[np.float64]:
        """Return a tomogram's `(class,)` mean, 0 where all particles have labels."""
        return self.mean.get(source.name, np.zeros(len(source.radius)))

    def where_unknown(self, hidden: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `(class,)` mean of all those tomograms where nobody knew.

        Parameters
        ----------
        hidden
            `(class,)` particles without a label in all of them together, NaN where that
            stays unknown.
        """
        room = np.zeros(len(hidden))
        for name, mean in self.mean.items():
            room += self.room[name] * np.isnan(mean)
        found: NDArray[np.float64] = hidden * self.mass / np.maximum(room, 1.0)
        return found


def mass_of_one(
    encoding: Encoding, radius: NDArray[np.float64], stride: int
) -> NDArray[np.float64]:
    """Return `(class,)` sum of the target of one particle [output voxels].

    Parameters
    ----------
    encoding
        How particles become targets.
    radius
        `(class,)` of each class's particles [voxels].
    stride
        R, input voxels per voxel of the target.
    """
    mass = np.zeros(len(radius))
    for number, one in enumerate(radius):
        edge = 2 * stride * int(np.ceil(4 * one / stride))
        middle = np.full((1, 3), edge / 2)
        alone = encoding.target(
            middle, np.array([number]), radius, (edge, edge, edge), stride
        )
        mass[number] = alone[number].sum()
    return mass


def room_for_hidden(source: PatchSource, stride: int) -> float:
    """Return about how large the part of a tomogram is where no label is.

    It lies in the region, beyond a radius of each label, [output voxels], and is at
    least 1.
    """
    taken = 4 / 3 * np.pi * (source.radius[source.particle] ** 3).sum()
    return max((source.room - float(taken)) / stride**3, 1.0)


def rareness(
    corner_zyx: NDArray[np.int64],
    shape_zyx: tuple[int, int, int],
    volume_zyx: tuple[int, ...],
    stride: int,
) -> NDArray[np.float32]:
    """Return how seldom patches that lie anywhere see each voxel of this one.

    The centre of such a patch is anywhere in the volume, and the patch is then moved
    inside (`PatchSource.corner`): a voxel at a face is seen half as often as one in the
    middle. Weighted by this, every voxel of the volume counts alike.

    Parameters
    ----------
    corner_zyx, shape_zyx
        First voxel of the patch, and its size [voxels].
    volume_zyx
        Size of the volume [voxels].
    stride
        R, input voxels per voxel of the result.

    Returns
    -------
    `(z/R, y/R, x/R)`, 1 for a voxel that every patch sees.
    """
    z, y, x = (
        1 / _chance(corner + stride * np.arange(edge // stride), edge, whole)
        for corner, edge, whole in zip(corner_zyx, shape_zyx, volume_zyx, strict=True)
    )
    rare: NDArray[np.float32] = (z[:, None, None] * y[:, None] * x).astype(np.float32)
    return rare


def _chance(index: NDArray[np.int64], edge: int, whole: int) -> NDArray[np.float64]:
    """Return along one axis the chance that a patch anywhere sees a voxel."""

    def begins_before(corner: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the chance that a patch's first voxel is this or an earlier one."""
        chance = np.clip((corner + 0.5 + edge / 2) / whole, 0, 1)
        found: NDArray[np.float64] = np.where(corner >= whole - edge, 1.0, chance)
        return np.where(corner < 0, 0.0, found)

    return begins_before(index) - begins_before(index - edge)
