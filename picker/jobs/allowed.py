"""Picks that a tomogram's mask and edges allow, known ones and found ones alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.volumes.read import read_mask
from picker.refining.select import in_region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from picker.core.picks import Picks
    from picker.project.records import Preprocessed


def where_picks_may_be(
    picks: Picks, entry: Preprocessed, edge_margin: float = 0.0
) -> Picks:
    """Return the picks in the tomogram's mask and at least a margin [Å] off its edges.

    Raises
    ------
    ValueError
        If the mask cannot be read.
    """
    return picks.select(may_be(picks, entry, edge_margin))


def may_be(
    picks: Picks, entry: Preprocessed, edge_margin: float = 0.0
) -> NDArray[np.bool_]:
    """Return `(n,)` which picks `where_picks_may_be` returns."""
    return in_region(
        picks.position_zyx,
        entry.voxel_size,
        entry.shape_zyx,
        edge_margin,
        read_mask(entry.mask) if entry.mask else None,
    )
