"""Settings of the method template, which needs a density map and no training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from picker.config.base import Positive, Settings
from picker.config.methods import METHODS

if TYPE_CHECKING:
    from picker.config import Config


class TemplateSettings(Settings):
    """The method template: compares with each class's density map, in all rotations.

    Every class needs its `density`. docs/template.md says what was measured.
    """

    resolution: Positive = 60.0
    """Wavelength of the finest detail that is compared [Å]: where the low-pass filter
    leaves half of the amplitude. The tomogram is binned to voxels of half of it. Two
    voxels of the tomogram, if that is more."""
    angular_step: Annotated[float, Field(ge=2, le=90)] | None = None
    """Distance of neighbouring rotations [degrees]. null: the resolution over the
    particle's diameter, in radians, but at most 30: then no rotation is so far from the
    nearest one that the finest detail at the particle's rim moves by more than about a
    quarter of its wavelength. Half the step takes up to eight times as long."""
    max_tilt: Annotated[float, Field(gt=0, le=90)] = 60.0
    """Greatest tilt of the series about y [degrees]: what lies beyond is missing in the
    tomogram, and taken from the template; 90: nothing is."""
    mask_per_radius: Positive = 1.5
    """Radius of the soft ball in which they are compared, as a fraction of the
    particle's radius."""
    normalise: Literal["global", "local"] = "global"
    """What a match is divided by:
    - global: the standard deviation of the whole tomogram's voxels, so that of two
      matches of one shape that with more contrast scores higher.
    - local: that of the voxels in the ball around it, which makes it a correlation;
      what lies in strong noise, at gold or at membranes scores lower."""
    threshold_sd: Positive = 6.0
    """Height of a match with score 0.5, in robust standard deviations of the matches of
    all voxels. It is the threshold of a class of which no particle is known."""


def refuse_missing_densities(config: Config) -> None:
    """Refuse classes without a density map where templates find or propose.

    Raises
    ------
    ValueError
        If there is one.
    """
    missing = [p.name for p in config.particles if p.density is None]
    finding = config.finding(config.method)
    by_maps = [name for name in finding if METHODS[name].densities]
    proposes = not by_maps and config.pretrain.proposals == "template"
    if missing and (by_maps or proposes):
        what = "pretrain.proposals template" if proposes else f"method {by_maps[0]}"
        raise ValueError(
            f"{what} needs a density map of every class, and"
            f" {', '.join(missing)} has none; name the file as its density in"
            " particles, or leave the class out"
        )
