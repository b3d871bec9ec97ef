"""A lamella between its two faces, which are planes."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, degrees, hypot


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """The plane z = offset + slope_y·y + slope_x·x [Å]; index 0 is at 0 Å."""

    offset: float
    slope_y: float
    slope_x: float

    def z(self, y: float, x: float) -> float:
        """Return its height [Å] at a place [Å]."""
        return self.offset + self.slope_y * y + self.slope_x * x

    @property
    def tilt(self) -> float:
        """Angle between the plane and that of y and x [degrees]."""
        return degrees(atan(hypot(self.slope_y, self.slope_x)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Slab:
    """What of a tomogram is sample.

    Attributes
    ----------
    low, high
        Its lower and upper face; None: the tomogram ends inside of the sample. One of
        them is there.
    ratio
        Spread of the voxels inside over that outside, both near the faces; None: the
        user gave the faces.
    """

    low: Face | None
    high: Face | None
    ratio: float | None = None


def level_slab(low: float | None, high: float | None) -> Slab | None:
    """Return a slab between two heights z [Å], None: it has no such face."""
    if low is None and high is None:
        return None
    return Slab(
        low=None if low is None else Face(offset=low, slope_y=0.0, slope_x=0.0),
        high=None if high is None else Face(offset=high, slope_y=0.0, slope_x=0.0),
    )
