"""How a tomogram is normalised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from picker.config.base import Fraction, Positive, Settings


class PreprocessSettings(Settings):
    """From a file as it comes to a normalised volume."""

    clip: Literal["sigma", "percentile", "none"] = "sigma"
    """How outliers such as gold beads are cut off before normalising: sigma, percentile
    or none."""
    clip_sigma: Positive = 3.0
    """With clip sigma: cut at this many standard deviations from the mean."""
    clip_percentiles: tuple[Fraction, Fraction] = (0.001, 0.999)
    """With clip percentile: lowest and highest fraction of voxels that is kept, in
    0..1."""
    target_voxel_size: Positive | None = None
    """Rescale every tomogram to this voxel size [Å] by cropping in Fourier space; null
    keeps each as it is."""
    whiten: bool = False
    """Give all frequencies the same power, before clipping, as template matching's
    whitening filter does. On one set of simulated tomograms it gains, on another it
    costs: try both on your data; see docs/accuracy.md."""
    particles_are: Literal["dark", "light"] = "dark"
    """Contrast of the particles in the files: dark (usual in cryo-ET) or light; light
    ones are inverted."""
    avoid_gold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Leave out what is nearer than this to the surface of a gold bead [Å]: it gets no
    picks and does not count for normalising; null: beads are not looked for."""
    gold_diameter: Positive = 50.0
    """With avoid_gold: a blob with a smaller volume than a ball of this diameter [Å] is
    no bead."""
    gold_sigma: Positive = 8.0
    """With avoid_gold: all of a bead's voxels are at least this many robust standard
    deviations from the tomogram's median, darker if particles are dark. The log says
    how much is left."""

    @field_validator("clip_percentiles")
    @classmethod
    def _low_below_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("expected the lower fraction first, as [0.001, 0.999]")
        return value
