"""Settings of the detection transformer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from picker.config.backbone import (
    Layers,
    Width,
    deepest_stride,
    refuse_unfit_sizes,
)
from picker.config.base import Fraction, Settings


class DetrSettings(Settings):
    """The network; the defaults are small enough for a CPU to train a toy."""

    edge: Width = 128
    """Edge of a patch [pixels]; a multiple of the deepest stride, 16 at the default
    widths, and no more than a tomogram is wide. Particles should be 16 to 32 pixels
    across."""
    channels: Literal[1, 3] = 3
    """Channels of a patch: 1, or 3 for a slice between its neighbours."""
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)] = (
        *(16, 32, 64),
    )
    """Channels of each stage of the backbone, the finest first; their strides are 4, 8,
    16, … pixels."""
    blocks: Layers = 1
    """Number of residual blocks in each stage."""
    levels: Layers = 2
    """Number of the last stages whose features the transformer sees."""
    width: Width = 64
    """Channels of the transformer."""
    feedforward: Width = 128
    """Channels inside its feed-forward parts."""
    heads: Layers = 4
    """Number of attention heads."""
    points: Layers = 4
    """Number of points where a head looks at each level."""
    encoder_layers: Annotated[int, Field(ge=0, le=100)] = 1
    """Number of layers that refine features."""
    decoder_layers: Layers = 3
    """Number of layers that refine queries."""
    queries: Width = 60
    """Highest number of particles in a patch; 1.5 times the largest count is enough."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        """Check what must be a multiple of what."""
        refuse_unfit_sizes(self.edge, self.widths, self.width, self.levels)
        if self.width % self.heads:
            raise ValueError(
                f"width is {self.width}, heads is {self.heads}; expected a width that"
                " is a multiple of the number of heads, change one"
            )
        return self

    @property
    def alignment(self) -> int:
        """Deepest stride [pixels]; a patch's edge is a multiple of it."""
        return deepest_stride(self.widths)


class DenoisingSettings(Settings):
    """Queries made of the truth, which the network learns to correct or to refuse."""

    number: Annotated[int, Field(ge=0)] = 100
    """Least number of corrected queries in a patch, over all groups but for rounding;
    as many are to be refused. 0: none."""
    noise: Fraction = 0.4
    """Furthest that a side's centre and length are moved, as a fraction of half of the
    side. Those to be refused are moved by more, up to twice as far."""
    flips: Fraction = 0.2
    """Fraction of queries that get a random class, in 0..1."""
