"""Picks where a tomogram and the settings allow them, known and found ones alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.volumes.read import read_mask
from picker.jobs.context import may_be_by_context
from picker.refining.select import in_region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from picker.config import PickSettings
    from picker.core.picks import Picks
    from picker.project.records import Preprocessed


def where_picks_may_be(
    picks: Picks, entry: Preprocessed, settings: PickSettings | None = None
) -> Picks:
    """Return the picks in the tomogram's mask and, with settings, where these want any.

    That is far enough off its edges, and at the distances of `pick.context`.

    Raises
    ------
    ValueError
        If the mask, or a segmentation of membranes that is needed, cannot be read, or a
        distance is not known.
    """
    return picks.select(may_be(picks, entry, settings))


def may_be(
    picks: Picks, entry: Preprocessed, settings: PickSettings | None = None
) -> NDArray[np.bool_]:
    """Return `(n,)` which picks `where_picks_may_be` returns."""
    inside = in_region(
        picks.position_zyx,
        entry.voxel_size,
        entry.shape_zyx,
        settings.edge_margin if settings else 0.0,
        read_mask(entry.mask) if entry.mask else None,
    )
    if settings is None:
        return inside
    return inside & may_be_by_context(picks, entry, settings.context)
