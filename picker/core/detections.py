"""Detections: what a detector of slices finds, before it is linked to particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.core.picks import Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class Detections:
    """Squares on the slices of one tomogram.

    Attributes
    ----------
    squares
        Their centres [Å], z that of the slice; their classes and scores.
    side
        `(n,)` float64 sides [Å].
    min_chord
        Smallest square that was looked for, as a fraction of the particle's diameter.
    step
        Every `step`-th slice was looked at, the first among them.

    Raises
    ------
    ValueError
        If there is not one finite side for each square, 0 or more, a score lies outside
        of 0..1, the smallest square is not from 0 up to 1, or the step is below 1.
    """

    squares: Picks
    side: NDArray[np.float64]
    min_chord: float = 0.0
    step: int = 1

    def __post_init__(self) -> None:
        """Check that the arrays belong together."""
        if self.side.shape != (len(self.squares),):
            raise ValueError(
                f"detections need (n,) sides for their {len(self.squares)} squares; got"
                f" {self.side.shape}"
            )
        if (bad := ~(np.isfinite(self.side) & (self.side >= 0))).any():
            place = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"side of detection {place + 1} is {self.side[place]:g} Å; expected a"
                " number from 0 on"
            )
        score = self.squares.score
        if (bad := (score < 0) | (score > 1)).any():
            place = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"score of detection {place + 1} is {score[place]:g}; expected 0 to 1"
            )
        if not 0 <= self.min_chord < 1:
            raise ValueError(
                f"min_chord is {self.min_chord:g}; expected a fraction of the diameter,"
                " from 0 up to but not including 1"
            )
        if self.step < 1:
            raise ValueError(
                f"every {self.step}-th slice was looked at; expected 1 or more"
            )

    def __len__(self) -> int:
        """Return the number of squares."""
        return len(self.side)
