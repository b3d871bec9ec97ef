"""What lies around each pick, and which picks have the right surroundings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from picker.config.context import CURES, DISTANCES, EVERY_CLASS
from picker.refining.density import neighbours, volume_that_counts
from picker.refining.distances import (
    edge_distance,
    face_distance,
    gold_distance,
    mask_distance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from picker.config.context import ContextSettings, Density, Distance, Ranges
    from picker.core.gold import Bead
    from picker.core.picks import Picks
    from picker.core.slab import Slab
    from picker.refining.distances import Segmentation

    Read = Callable[[], Segmentation]


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What is known of a tomogram besides its particles.

    Attributes
    ----------
    tomogram
        Its name.
    voxel_size, shape_zyx
        [Å] and [voxels].
    slab
        The lamella's faces; None: not known.
    gold
        The beads; None: they were not looked for.
    membranes
        Reads the segmentation of membranes; None: there is none.
    """

    tomogram: str
    voxel_size: float
    shape_zyx: tuple[int, int, int]
    slab: Slab | None = None
    gold: tuple[Bead, ...] | None = None
    membranes: Read | None = None

    @property
    def unknown(self) -> tuple[Distance, ...]:
        """The distances that are not known."""
        given = (
            ("membrane", self.membranes),
            ("faces", self.slab),
            ("gold", self.gold),
        )
        missing = [name for name, value in given if value is None]
        return tuple(name for name in DISTANCES if name in missing)


def with_distances(
    picks: Picks, around: Surroundings, names: Collection[Distance]
) -> Picks:
    """Return picks with those of some distances that are known, as their context [Å].

    Raises
    ------
    ValueError
        If the segmentation cannot be read.
    """
    place = picks.position_zyx
    found = dict(picks.context)
    if "membrane" in names and around.membranes is not None:
        found["membrane"] = mask_distance(place, around.membranes())
    if "faces" in names and around.slab is not None:
        found["faces"] = face_distance(place, around.slab)
    if "edge" in names:
        found["edge"] = edge_distance(place, around.voxel_size, around.shape_zyx)
    if "gold" in names and around.gold is not None:
        found["gold"] = gold_distance(place, around.gold)
    return replace(picks, context=found)


def measured(
    picks: Picks,
    around: Surroundings,
    radius: float,
    mask: NDArray[np.bool_] | None,
) -> Picks:
    """Return picks with all of their context that is known; as `with_densities`."""
    return with_densities(
        with_distances(picks, around, DISTANCES), around, radius, mask
    )


def with_densities(
    picks: Picks,
    around: Surroundings,
    radius: float,
    mask: NDArray[np.bool_] | None = None,
) -> Picks:
    """Return picks with the densities of picks around them, as their context.

    Parameters
    ----------
    picks
        All that count, of all classes [Å].
    around
        Voxel size and shape of the tomogram.
    radius
        Distance up to which picks are counted [Å].
    mask
        As for `in_region`: where picks may be.
    """
    place = picks.position_zyx
    volume = volume_that_counts(
        place, radius, around.voxel_size, around.shape_zyx, mask
    )
    of_class = np.zeros(len(picks), np.intp)
    for name in np.unique(picks.particle):
        own = picks.particle == name
        of_class[own] = neighbours(place[own], radius)
    found = {
        **picks.context,
        "density": neighbours(place, radius) / volume,
        "class_density": of_class / volume,
    }
    return replace(picks, context=found)


def within_distances(
    picks: Picks, settings: ContextSettings, around: Surroundings
) -> NDArray[np.bool_]:
    """Return `(n,)` which picks have the distances that the settings want.

    Raises
    ------
    ValueError
        If one of these is not known of the tomogram and `settings.unknown` is error, or
        the segmentation cannot be read.
    """
    filters = settings.by_distance
    if not filters:
        return np.ones(len(picks), np.bool_)
    unknown = [name for name in filters if name in around.unknown]
    if unknown and settings.unknown == "error":
        name = unknown[0]
        raise ValueError(
            f"pick.context.{name} filters by what is not known of {around.tomogram}:"
            f" {CURES[name]}; or set pick.context.unknown: keep"
        )
    found = with_distances(picks, around, filters)
    kept = np.ones(len(picks), np.bool_)
    for name, ranges in filters.items():
        if name not in unknown:
            kept &= _in_ranges(found, name, ranges)
    return kept


def within_densities(picks: Picks, settings: ContextSettings) -> NDArray[np.bool_]:
    """Return `(n,)` which picks, with densities, have those that the settings want."""
    kept = np.ones(len(picks), np.bool_)
    for name, ranges in settings.by_density.items():
        kept &= _in_ranges(picks, name, ranges)
    return kept


def _in_ranges(
    picks: Picks, name: Distance | Density, ranges: Ranges
) -> NDArray[np.bool_]:
    """Return `(n,)` which picks have a value in their class's range."""
    kept = np.ones(len(picks), np.bool_)
    for particle in np.unique(picks.particle):
        limits = ranges.get(str(particle), ranges.get(EVERY_CLASS))
        if limits is None:
            continue
        low, high = limits
        own = picks.particle == particle
        value = picks.context[name][own]
        kept[own] = (value >= (-np.inf if low is None else low)) & (
            value <= (np.inf if high is None else high)
        )
    return kept
