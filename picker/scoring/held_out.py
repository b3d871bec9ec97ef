"""Labels that train nothing, so that they show how many particles are found."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from picker.core.picks import Picks

FEWEST = 10
"""With fewer labels of a class than this none is held out."""


def held_out(picks: Picks, fraction: float) -> tuple[Picks, Picks]:
    """Return picks to train on, and those held out of each class.

    Which these are depends on each pick's position alone, to 0.1 Å, not on the order
    of a file or on the other picks' classes.

    Parameters
    ----------
    picks
        Known picks [Å] of one tomogram.
    fraction
        Part of each class that is held out, in 0..1.
    """
    is_out = np.zeros(len(picks), np.bool_)
    order = np.array(
        [
            zlib.crc32(" ".join(f"{value:.1f}" for value in position).encode())
            for position in picks.position_zyx
        ],
        np.int64,
    )
    for name in np.unique(picks.particle):
        index = np.flatnonzero(picks.particle == name)
        if len(index) >= FEWEST:
            number = round(fraction * len(index))
            is_out[index[np.argsort(order[index], kind="stable")][:number]] = True
    return picks.select(~is_out), picks.select(is_out)
