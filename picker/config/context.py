"""Settings of what lies around picks: as columns, and as filters; off by default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from picker.config.base import Finite, Positive, Settings

Distance = Literal["membrane", "faces", "edge", "gold"]
"""Distances of a pick [Å]; they do not depend on other picks."""
Density = Literal["density", "class_density"]
"""How many picks lie around one, of all classes and of its own."""
DISTANCES: tuple[Distance, ...] = ("membrane", "faces", "edge", "gold")
DENSITIES: tuple[Density, ...] = ("density", "class_density")
CURES: dict[Distance, str] = {
    "membrane": "its membranes are not known; expected a segmentation of them in the"
    " column membranes of the table or of splits.tsv (tomograms.splits), or with source"
    " folder of the pattern tomograms.folder.membranes",
    "faces": "its faces are not known; expected slab_z_low or slab_z_high in the table,"
    " or faces that preprocess.find_slab finds",
    "gold": "gold was not looked for; expected preprocess.avoid_gold to be a distance,"
    " such as 0 Å",
}
"""Why a distance is not known, and what to do."""
EVERY_CLASS = "all"
"""Name of a range that classes without one of their own have."""


def _checked_range(
    limits: tuple[float | None, float | None],
) -> tuple[float | None, float | None]:
    """Return the limits of a range that holds something.

    Raises
    ------
    ValueError
        If there are none, or the lower one is above the upper one.
    """
    low, high = limits
    if low is None and high is None:
        raise ValueError("range [null, null] limits nothing; expected a number in it")
    if low is not None and high is not None and low > high:
        raise ValueError(
            f"range [{low:g}, {high:g}] holds nothing; expected the lower limit first,"
            " swap them"
        )
    return limits


Range = Annotated[tuple[Finite | None, Finite | None], AfterValidator(_checked_range)]
"""Least and greatest value, both of them allowed; None: no limit."""
Ranges = dict[str, Range]


class ContextSettings(Settings):
    """What lies around each pick: columns in files of picks, and filters by them.

    docs/context.md has their meaning. Each filter is a range [least, greatest] for a
    class or for all, null for no limit, such as {membrane: {ATPase: [0, 80], all:
    [100, null]}}; a class's own takes the place of that for all.
    """

    columns: bool = False
    """Whether files of picks have the columns even without a filter."""
    membrane: Ranges = Field(default_factory=dict)
    """Distance from the nearest membrane [Å], 0 in it: of the segmentation in column
    membranes of the table or of tomograms.splits, or of tomograms.folder.membranes."""
    faces: Ranges = Field(default_factory=dict)
    """Distance from the lamella's nearer face [Å], negative outside: of the faces that
    preprocess.find_slab found, or slab_z_low and slab_z_high in the table."""
    edge: Ranges = Field(default_factory=dict)
    """Distance from the tomogram's nearest face, as for pick.edge_margin [Å]."""
    gold: Ranges = Field(default_factory=dict)
    """Distance from the surface of the nearest gold bead [Å], with
    preprocess.avoid_gold, which may be 0."""
    density: Ranges = Field(default_factory=dict)
    """Number of other picks of all classes around one, per volume where picks may be
    [1/µm³; of micrographs 1/µm²]. These two filters come last, and see the picks that
    all else has left."""
    class_density: Ranges = Field(default_factory=dict)
    """The same of its own class."""
    density_radius: Positive = 500.0
    """Distance up to which picks are counted for densities [Å]."""
    unknown: Literal["error", "keep"] = "error"
    """With a filter by what is not known of a tomogram, such as one without a
    segmentation. error: the tomogram fails, and the others continue; keep: that filter
    drops nothing in it, with a warning."""

    @property
    def is_on(self) -> bool:
        """Whether anything is measured."""
        return bool(self.columns or self.by_distance or self.by_density)

    @property
    def by_distance(self) -> dict[Distance, Ranges]:
        """The distances that have a filter, with its ranges."""
        every: dict[Distance, Ranges] = {n: getattr(self, n) for n in DISTANCES}
        return {name: ranges for name, ranges in every.items() if ranges}

    @property
    def by_density(self) -> dict[Density, Ranges]:
        """The densities that have a filter, with its ranges."""
        every: dict[Density, Ranges] = {n: getattr(self, n) for n in DENSITIES}
        return {name: ranges for name, ranges in every.items() if ranges}
