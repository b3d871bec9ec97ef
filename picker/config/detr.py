"""Settings of the detection transformer, which no method in config.yaml uses yet."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from picker.config.base import Count, Fraction, Settings

GROUPS = 8
"""Channels are normalised in so many groups, so every width is a multiple of it."""


class DetrSettings(Settings):
    """The network; the defaults are small enough for a CPU to train a toy."""

    channels: Literal[1, 3] = 1
    """Channels of a patch: 1, or 3 for a slice between its neighbours."""
    widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64)
    """Channels of each stage of the backbone, the finest first; their strides are 4, 8,
    16, … pixels."""
    blocks: Count = 1
    """Number of residual blocks in each stage."""
    levels: Count = 2
    """Number of the last stages whose features the transformer sees."""
    width: Count = 64
    """Channels of the transformer."""
    feedforward: Count = 128
    """Channels inside its feed-forward parts."""
    heads: Count = 4
    """Number of attention heads."""
    points: Count = 4
    """Number of points where a head looks at each level."""
    encoder_layers: Annotated[int, Field(ge=0)] = 1
    """Number of layers that refine features."""
    decoder_layers: Count = 3
    """Number of layers that refine queries."""
    queries: Count = 60
    """Highest number of particles in a patch; 1.5 times the largest count is enough."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        """Check what must be a multiple of what."""
        of_stages = [("widths", width) for width in self.widths]
        for name, wanted in [("width", self.width), *of_stages]:
            if wanted % GROUPS:
                raise ValueError(
                    f"{name} has {wanted} channels; expected a multiple of {GROUPS}, in"
                    " groups of which they are normalised"
                )
        if self.width % self.heads:
            raise ValueError(
                f"width is {self.width}, heads is {self.heads}; expected a width that"
                " is a multiple of the number of heads, change one"
            )
        if self.levels > len(self.widths):
            raise ValueError(
                f"levels is {self.levels}; expected at most {len(self.widths)}, the"
                " number of stages in widths"
            )
        return self

    @property
    def alignment(self) -> int:
        """Deepest stride [pixels]; a patch's edge is a multiple of it."""
        return int(2 ** (len(self.widths) + 1))


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
