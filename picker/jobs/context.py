"""What lies around the picks of a tomogram, by what its record and its files say."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from picker.config.context import CURES, DISTANCES
from picker.core.stamps import file_stamp
from picker.formats.volumes.read import read_mask
from picker.formats.volumes.segmentation import read_segmentation
from picker.refining.context import (
    Surroundings,
    measured,
    with_distances,
    within_densities,
    within_distances,
)
from picker.refining.distances import segmentation

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from picker.config.context import ContextSettings
    from picker.core.picks import Picks
    from picker.project.records import Preprocessed
    from picker.refining.distances import Segmentation


def surroundings_of(entry: Preprocessed) -> Surroundings:
    """Return what is known of a tomogram; nothing is read yet."""
    path = entry.membranes
    return Surroundings(
        tomogram=entry.tomogram,
        voxel_size=entry.voxel_size,
        shape_zyx=entry.shape_zyx,
        slab=entry.slab,
        gold=entry.gold,
        membranes=None if path is None else partial(_membranes, path, entry),
    )


def _membranes(path: Path, entry: Preprocessed) -> Segmentation:
    """Return a tomogram's membranes, in the voxels of the user's file."""
    stamp = file_stamp(path) if path.exists() else None
    return _read(path, stamp, entry.source_shape_zyx, entry.source_voxel_size)


@lru_cache(maxsize=1)
def _read(
    path: Path,
    stamp: tuple[int, int] | None,
    shape_zyx: tuple[int, int, int],
    voxel_size: float,
) -> Segmentation:
    """Return a segmentation; that of a tomogram whose copies follow is read once."""
    del stamp  # of a file that was replaced meanwhile
    # A tomogram may have no membrane: then all of it is far from any.
    return segmentation(
        *read_segmentation(path, shape_zyx, voxel_size, may_be_empty=True)
    )


def context_key(entry: Preprocessed, settings: ContextSettings) -> tuple[object, ...]:
    """Return what changes when the files change that picks are measured by."""
    path = entry.membranes
    if path is None or not settings.is_on:
        return ()
    return (str(path), file_stamp(path) if path.exists() else None)


def may_be_by_context(
    picks: Picks, entry: Preprocessed, settings: ContextSettings
) -> NDArray[np.bool_]:
    """Return `(n,)` which picks have the distances that the settings want.

    Raises
    ------
    ValueError
        As `within_distances`.
    """
    return within_distances(picks, settings, surroundings_of(entry))


def with_known_distances(
    picks: Picks, entry: Preprocessed, settings: ContextSettings
) -> Picks:
    """Return a tomogram's picks with the distances that are known, if any are wanted.

    Without densities: these are of picks that thresholds left.
    """
    if not settings.is_on:
        return picks
    return with_distances(picks, surroundings_of(entry), DISTANCES)


def with_context(picks: Picks, entry: Preprocessed, settings: ContextSettings) -> Picks:
    """Return the picks of a tomogram with their context, filtered by densities.

    Parameters
    ----------
    picks
        All that thresholds, distances and everything else have left.
    entry
        Their tomogram.
    settings
        What is measured; if nothing is, the picks are returned as they are.

    Raises
    ------
    ValueError
        If the segmentation of membranes, or the mask, cannot be read.
    """
    if not settings.is_on:
        return picks
    mask = read_mask(entry.mask) if entry.mask else None
    found = measured(picks, surroundings_of(entry), settings.density_radius, mask)
    return found.select(within_densities(found, settings))


def filters_of_the_unknown(
    around: Surroundings, settings: ContextSettings
) -> tuple[str, ...]:
    """Return a warning for each filter that drops nothing in a tomogram.

    It does not name the tomogram, so that those of the same warning can be told
    together. None with `unknown: error`, as it fails.
    """
    if settings.unknown == "error":
        return ()
    return tuple(
        f"pick.context.{name} drops nothing: {CURES[name]}"
        for name in settings.by_distance
        if name in around.unknown
    )
