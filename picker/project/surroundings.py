"""What filters by what is around picks need to know of the tomograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.context import CURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import Config, Split, TomogramRow
    from picker.config.context import Distance


def refuse_unknown_distances(
    config: Config, rows: Sequence[TomogramRow], feedback: Split
) -> None:
    """Check that picks can be filtered where thresholds are chosen.

    A tomogram that cannot be filtered fails alone; there it stops the job, and that
    after training.

    Parameters
    ----------
    config
        The settings.
    rows
        All tomograms.
    feedback
        The split that thresholds are chosen on; without such tomograms one of all has
        to be known.

    Raises
    ------
    ValueError
        If what a filter of `pick.context` needs is certainly not known.
    """
    context = config.pick.context
    if context.unknown == "keep":
        return
    choosing = [row for row in rows if row.split == feedback]
    for name in context.by_distance:
        of = [one.tomogram for one in choosing if _is_unknown(one, name, config)]
        if of:
            where = f"of {of[0]}, where thresholds are chosen"
        elif all(_is_unknown(one, name, config) for one in rows):
            where = "of any tomogram"
        else:
            continue
        raise ValueError(
            f"pick.context.{name} filters by what is not known {where}: {CURES[name]};"
            " or set pick.context.unknown: keep"
        )


def _is_unknown(row: TomogramRow, name: Distance, config: Config) -> bool:
    """Return whether a distance is certainly not known of a tomogram."""
    if name == "membrane":
        return row.membranes is None
    if name == "gold":
        return config.preprocess.avoid_gold is None
    if name == "faces":
        faces = (row.slab_z_low, row.slab_z_high)
        may_be_found = config.preprocess.find_slab and row.dimensions == 3
        return faces == (None, None) and not may_be_found
    return False
