"""How what a detector finds on slices becomes particles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from picker.config.base import Fraction, Positive, Settings

if TYPE_CHECKING:
    from picker.config import Config
    from picker.config.methods import Row


class LinkSettings(Settings):
    """Methods that look at slices: which of their boxes are one particle.

    A change looks at no slice again.
    """

    xy_per_radius: Positive = 0.25
    """Furthest that a box may lie from the mean of those linked before, in the slice,
    as a fraction of the particle's radius."""
    z_gap: Annotated[int, Field(ge=0)] = 2
    """Most slices in a row on which a particle may be missed."""
    min_length_per_diameter: Fraction = 0.4
    """Fewest slices that a particle reaches over, as a fraction of its diameter. Of a
    micrograph one slice is enough."""
    max_length_per_diameter: Positive = 1.3
    """What reaches over more slices, as a fraction of the diameter, is several
    particles, and is split where it is weakest."""
    score_power: Fraction = 0.34
    """How little the number of slices counts, in 0..1. The score is the mean of the
    boxes' times the found fraction of a whole particle's slices to the power of 1 less
    this: 1 counts the mean alone."""

    @model_validator(mode="after")
    def _halves_are_long_enough(self) -> Self:
        if self.max_length_per_diameter < 2 * self.min_length_per_diameter:
            raise ValueError(
                f"max_length_per_diameter is {self.max_length_per_diameter:g} and"
                f" min_length_per_diameter {self.min_length_per_diameter:g}; expected"
                " at least twice as much, so that what is split leaves two particles;"
                " change one"
            )
        return self


def refuse_unlinkable_squares(config: Config, row: Row) -> None:
    """Refuse squares of a method on too few slices of a particle to become one.

    Raises
    ------
    ValueError
        If they are, see `refuse_unlinkable`.
    """
    if row.links:
        refuse_unlinkable(
            config.link,
            getattr(config, row.architecture).min_chord,
            config.predict.slice_step,
            (f"{row.architecture}.min_chord", "predict.slice_step"),
        )


def refuse_unlinkable(
    link: LinkSettings, min_chord: float, step: int, names: tuple[str, str]
) -> None:
    """Refuse squares that cannot be linked, however well they are found.

    Parameters
    ----------
    link
        What belongs together.
    min_chord, step
        Which squares were looked for, and on which slices, as in `Detections`.
    names
        What the user knows these two as.

    Raises
    ------
    ValueError
        If a particle without a miss is shorter than `link` keeps, or slices that are
        not looked at are as many as end a particle.
    """
    chord_name, step_name = names
    skipped = step - 1
    if skipped > link.z_gap:
        raise ValueError(
            f"{step_name} is {step}, which leaves out {skipped} slices in a row, and"
            f" link.z_gap is {link.z_gap}; expected at least as many, lower the one or"
            " raise the other"
        )
    # Half the length of a ball whose section is at least so wide, over its radius.
    longest = math.sqrt(1 - min_chord**2)
    if longest <= link.min_length_per_diameter:
        raise ValueError(
            f"{chord_name} is {min_chord:g}, so that particles have squares on"
            f" {longest:.2g} of their diameter, and link.min_length_per_diameter is"
            f" {link.min_length_per_diameter:g}; expected less, lower one of them"
        )
