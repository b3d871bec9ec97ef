"""Settings of preprocessing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from picker.config.base import Count, Fraction, Positive, Settings


class PreprocessSettings(Settings):
    """From the user's file to a normalised volume."""

    NOT_IN_KEY = frozenset({"keep"})

    clip: Literal["sigma", "percentile", "none"] = "sigma"
    """How outliers such as gold beads are clipped before normalising: sigma, percentile
    or none."""
    clip_sigma: Positive = 3.0
    """With clip sigma: distance from the mean at which values are clipped [standard
    deviations]."""
    clip_percentiles: tuple[Fraction, Fraction] = (0.001, 0.999)
    """With clip percentile: fractions of the sorted voxels, in 0..1, below and above
    which values are clipped."""
    target_voxel_size: Positive | None = None
    """Rescale every tomogram to this voxel size [Å] by cropping in Fourier space; null
    keeps each as it is."""
    whiten: bool = False
    """Give all frequencies the same power, as the whitening filter of template matching
    does; outliers are clipped before and after. It helps on one set of simulated
    tomograms and harms on another (see docs/accuracy.md): try both on your data."""
    smooth: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Width (σ) of a Gaussian that smooths volumes before they are normalised, once
    outliers are clipped [Å]. 0: none, which is right for most: networks and blobs
    smooth themselves."""
    equalise: bool = False
    """Of micrographs: even out their contrast, tile by tile, so that thick ice and thin
    look alike (contrast-limited adaptive histogram equalisation)."""
    equalise_tiles: Count = 10
    """With equalise: number of tiles along each axis."""
    equalise_clip: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 4.0
    """With equalise: how often a gray level of a tile counts at most, over the mean of
    all 256; what is more is spread over all, so that contrast is not raised further."""
    particles_are: Literal["dark", "light"] = "dark"
    """Contrast of the particles in the files: dark (usual in cryo-ET) or light; light
    ones are inverted."""
    find_slab: bool = True
    """Look for the lamella's faces where the voxels' spread steps down to that of
    vacuum: voxels beyond get no picks and do not count for normalising. Tomograms
    without such a step, and those with slab_z_low or slab_z_high in the table, are left
    as they are."""
    slab_margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 50.0
    """With find_slab: distance beyond the faces up to which voxels still count [Å]."""
    avoid_gold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Distance from the surface of a gold bead within which voxels are left out [Å]:
    they get no picks and do not count for normalising. null: no search for beads."""
    gold_diameter: Positive = 50.0
    """With avoid_gold: diameter [Å] of the smallest bead; blobs with a smaller volume
    than such a ball are no beads."""
    gold_sigma: Positive = 8.0
    """With avoid_gold: least distance of a bead's voxels from the tomogram's median
    [robust standard deviations], darker if particles are dark. The log says how much of
    the tomogram is left."""

    avoid_carbon: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Of micrographs: distance from the carbon film within which pixels are left out
    [Å], as near gold. The film is what is darker (lighter, if particles are) beyond a
    round or straight edge across the micrograph. null: no search for carbon."""

    keep: Literal["trained", "all"] = "trained"
    """Of which tomograms a normalised copy is kept, two bytes a voxel:
    - trained: of those that training reads. Those of splits test and predict are read
      from your file whenever they are needed, which must stay as it is until then.
    - all: of all, where that file lies on a disk that is slow or goes away.

    The picks are the same. Copies that are there stay and are used; delete them, and
    nothing but these tomograms is measured again."""

    @field_validator("clip_percentiles")
    @classmethod
    def _low_below_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("expected the lower fraction first, as [0.001, 0.999]")
        return value
