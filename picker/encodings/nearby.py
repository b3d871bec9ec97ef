"""Which positions stand alone: of those near each other the first one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray


def first_within(position: NDArray[np.float64], distance: float) -> NDArray[np.intp]:
    """Return the indices of `(n, 3)` positions with no kept one before them so near."""
    near = cKDTree(position).query_pairs(distance, output_type="ndarray")
    later = np.zeros(len(position), np.bool_)
    for first, second in near[np.lexsort((near[:, 1], near[:, 0]))]:
        if not later[first]:
            later[second] = True
    return np.flatnonzero(~later)
