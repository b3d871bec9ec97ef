"""What a finder finds in a preprocessed tomogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.volumes.read import read_mask
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.stored import whole_volume

if TYPE_CHECKING:
    from picker.core.picks import Picks
    from picker.finding.finder import Finder
    from picker.project.records import Preprocessed


def allowed_candidates(entry: Preprocessed, finder: Finder) -> Picks:
    """Return what is found in a tomogram, where picks may be.

    Raises
    ------
    ValueError
        If its volume or mask cannot be read.
    """
    mask = entry.mask if finder.reads_region else None
    found = finder.candidates(
        whole_volume(entry), entry.voxel_size, read_mask(mask) if mask else None
    )
    return where_picks_may_be(found, entry)
