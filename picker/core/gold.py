"""A gold bead, as the ball that has its volume."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Bead:
    """A ball about x, y, z, of a radius [Å]; in a micrograph a disc."""

    x: float
    y: float
    z: float
    radius: float
