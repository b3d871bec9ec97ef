"""Proposals, what the network finds that learned from them, and picks, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.config import Particle
from picker.report.circles import circles_at
from picker.scoring.match import match_picks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.core.picks import Picks
    from picker.report.circles import Circle

ANY_CLASS = "#ffffff"
"""Color of what may be any class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalsView:
    """A slice of a tomogram with what taught there, and what the network then finds.

    Attributes
    ----------
    tomogram, stage
        Its name, and that of the stage that learned.
    voxel_size
        [Å].
    size
        Width and height of the tomogram [voxels].
    z
        Height of the slice [Å].
    webp
        Its picture, y upwards, in base64.
    any_class
        Whether each proposal taught all classes alike.
    proposals, found
        What taught in the whole tomogram, and as many of what the network finds, the
        best of each class.
    """

    tomogram: str
    stage: str
    voxel_size: float
    size: tuple[int, int]
    z: float
    webp: str
    any_class: bool
    proposals: Picks
    found: Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One of the pictures: the slice with circles.

    Attributes
    ----------
    title
        What the circles are.
    circles
        Of what the slice cuts; None: there is nothing to draw, see `why`.
    number, right
        How many there are in the tomogram, and how many of them are known particles;
        None where not all particles are known.
    why
        Why there are none.
    """

    title: str
    circles: Sequence[Circle] | None = None
    number: int = 0
    right: int | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalsPictures:
    """What the page shows of a stage that learned from proposals.

    Attributes
    ----------
    view
        The slice.
    panels
        Proposals, what the network finds, and picks.
    known
        Circles of known particles that the slice cuts.
    num_known
        How many are known in the tomogram; 0: none are drawn.
    split
        What the tomogram is used for; empty if it was not picked.
    distance_per_radius
        Greatest distance of what is right from its particle, as a fraction of the
        radius.
    """

    view: ProposalsView
    panels: Sequence[Panel]
    known: Sequence[Circle]
    num_known: int
    split: str
    distance_per_radius: float


def proposals_pictures(
    view: ProposalsView,
    particles: Sequence[Particle],
    picks: Picks | None,
    known: Picks | None,
    *,
    why: str = "",
    split: str = "",
    distance_per_radius: float = 0.5,
) -> ProposalsPictures:
    """Return the three pictures of a tomogram.

    Parameters
    ----------
    view
        The slice with proposals.
    particles
        The classes.
    picks
        Of the whole method; None: there are none.
    known
        Known particles; None where none are known.
    why
        Why there are no picks.
    split
        What the tomogram is used for. Where a part of its particles is known, as this
        says, no pick is counted as right or wrong.
    distance_per_radius
        Greatest distance of what is right from its particle, as a fraction of the
        radius.
    """
    whole = split not in ("partial", "reviewed")

    def panel(title: str, found: Picks, *, any_class: bool) -> Panel:
        is_right = None
        if known is not None and whole:
            is_right = _right(
                found, known, particles, distance_per_radius, any_class=any_class
            )
        return Panel(
            title=title,
            circles=_circles(view, found, particles, any_class=any_class),
            number=len(found),
            right=None if is_right is None else int(is_right.sum()),
        )

    return ProposalsPictures(
        view=view,
        panels=[
            panel("Proposals", view.proposals, any_class=view.any_class),
            panel(
                f"What the network finds after {view.stage}",
                view.found,
                any_class=view.any_class,
            ),
            Panel(title="Final picks", why=why)
            if picks is None
            else panel("Final picks", picks, any_class=False),
        ],
        known=[]
        if known is None
        else _circles(view, known, particles, any_class=False),
        num_known=0 if known is None else len(known),
        split=split,
        distance_per_radius=distance_per_radius,
    )


def any_particle(particles: Sequence[Particle]) -> Particle:
    """Return what is drawn of a particle of any class: all have the median radius."""
    radius = float(np.median([particle.radius for particle in particles]))
    return Particle(name="any", radius=radius, color=ANY_CLASS)


def fullest_height(
    picks: Picks, particles: Sequence[Particle], voxel_size: float, depth: int
) -> int:
    """Return the slice that cuts most picks, the middle one if there are none.

    Parameters
    ----------
    picks
        Positions [Å].
    particles
        The classes.
    voxel_size, depth
        Of the tomogram [Å], and how many slices it has.
    """
    number = np.zeros(depth, np.int64)
    z = np.arange(depth) * voxel_size
    for particle in particles:
        for at in picks.of(particle.name).position_zyx[:, 0]:
            number += np.abs(z - at) < particle.radius
    # Of equals that which is nearest to the middle.
    off_middle = np.abs(np.arange(depth) - depth // 2)
    return int(np.lexsort((off_middle, -number))[0])


def _circles(
    view: ProposalsView,
    picks: Picks,
    particles: Sequence[Particle],
    *,
    any_class: bool,
) -> list[Circle]:
    """Return the circles that the slice cuts; of any class all have one radius."""
    plane = view.voxel_size, view.size[1]
    if any_class:
        return circles_at(view.z, picks, any_particle(particles), *plane)
    circles: list[Circle] = []
    for particle in particles:
        circles += circles_at(view.z, picks.of(particle.name), particle, *plane)
    return circles


def _right(
    found: Picks,
    known: Picks,
    particles: Sequence[Particle],
    distance_per_radius: float,
    *,
    any_class: bool,
) -> NDArray[np.bool_]:
    """Return `(n,)` which picks are a known particle, of any class if asked so."""
    right = np.zeros(len(found), np.bool_)
    for particle in particles:
        ours = (
            np.full(len(found), True) if any_class else found.particle == particle.name
        )
        which = np.flatnonzero(ours)
        match = match_picks(
            found.position_zyx[which],
            found.score[which],
            known.of(particle.name).position_zyx,
            distance_per_radius * particle.radius,
        )
        right[which[match >= 0]] = True
    return right
