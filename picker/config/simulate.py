"""Settings of simulated tomograms."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from picker.config.base import Fraction, Positive, Settings, ShapeZYX


class SimulateSettings(Settings):
    """Phantom tomograms, with source simulate: for the demo and for tests only."""

    labeled: Annotated[int, Field(ge=0)] = 2
    """Number of tomograms with labels to train on."""
    unlabeled: Annotated[int, Field(ge=0)] = 6
    """Number of tomograms without labels to train on."""
    validation: Annotated[int, Field(ge=0)] = 0
    """Number of tomograms to choose thresholds on; 0: the labeled ones are used."""
    test: Annotated[int, Field(ge=0)] = 3
    """Number of tomograms that are only used for evaluation."""
    shape_zyx: ShapeZYX = (48, 160, 160)
    """Size of a tomogram [voxels], z, y, x. A micrograph shows what lies in a layer
    that is z thick: with 1 particles lie side by side, in more some hide others."""
    voxel_size: Positive = 10.0
    """Edge of a voxel [Å]."""
    particles_per_class: Positive = 12.0
    """Mean number of particles of each class in a tomogram."""
    snr: tuple[Positive, Positive] = (0.5, 1.5)
    """Lowest and highest signal-to-noise ratio, no unit: variance of the signal over
    variance of the noise."""
    clustering: Fraction = 0.0
    """Fraction of particles, in 0..1, that are placed beside one of their class; the
    others may be anywhere."""
    membranes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Mean number of vesicles in a tomogram; particles are inside or outside of
    them."""
    missing_wedge: Annotated[float, Field(ge=0, lt=90)] = 30.0
    """Half-angle of the missing wedge about y [degrees]: 30 is a tilt range of ±60.
    Micrographs have none."""
    halves: bool = False
    """Whether the halves of each tomogram are simulated too, with noise of their own;
    the tomogram, which is their mean, stays the same."""
    carbon: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Of micrographs: how much darker a film of carbon is that covers a part of each,
    from an eighth to a half [standard deviations of the micrograph without it].
    Particles on it are not among the known ones. 0: none."""
    seed: int = 1
    """Seed of all random numbers; the same seed makes the same tomograms."""
