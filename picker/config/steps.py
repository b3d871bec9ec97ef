"""Settings of the steps that refine candidates or picks; all are off by default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picker.config.base import Finite, Positive, Settings


class ContrastSettings(Settings):
    """Drops candidates that are hardly darker than what is around them."""

    least: dict[str, Finite] = Field(default_factory=dict)
    """Least contrast of a class's candidates, in standard deviations of the tomogram:
    the mean of what is around minus that within the radius; for instance
    {ribosome: 0.1}. Classes that are not named are not checked."""
    against: Literal["shell", "tomogram"] = "shell"
    """What is around:
    - shell: the shell from 1.2 to 1.7 radii.
    - tomogram: the whole tomogram, as in the report on the CZII challenge. It loses
      particles where the background is uneven (docs/steps.md)."""


class OffsetsSettings(Settings):
    """Adds 14 entries around each pick, for Kaggle's file alone.

    It raises a count per pick; the challenge's own score, F1 and averages get worse
    (docs/steps.md). Other exports refuse it.
    """

    particles: tuple[str, ...] = ()
    """Classes whose picks get entries around them; none: off."""
    primary: Annotated[Positive, Field(le=0.5)] = 0.116
    """Distance of the six along the axes, as a fraction of the particle's radius."""
    diagonal: Annotated[Positive, Field(le=0.5)] = 0.1
    """Distance of the eight along the cube's diagonals, as a fraction of the radius."""
