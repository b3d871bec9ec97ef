"""Settings of the methods yolo_slices and faster_rcnn_slices."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from picker.config.backbone import (
    Layers,
    Width,
    deepest_stride,
    refuse_unfit_sizes,
)
from picker.config.base import Count, Positive, Settings


class SlicesSettings(Settings):
    """The methods yolo_slices and faster_rcnn_slices: detectors of squares on slices.

    They train on labels, with steps and rates of burn_in and co_train. Patches are
    augmented as train.augment says. How squares become particles: see link. A model
    file remembers this section, which describes the network in place of model.
    """

    edge: Width = 128
    """Edge of a patch [pixels]; a multiple of the deepest stride, 16 at the default
    widths, and no more than a tomogram is wide. Particles should be 8 to 40 pixels
    across."""
    context: Annotated[int, Field(ge=0, le=16)] = 3
    """Number of neighbouring slices that the network sees on either side of a slice; 0:
    none."""
    min_chord: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Smallest part of a particle that has a square on a slice: what the slice cuts is
    so wide or wider, as a fraction of the diameter."""
    any_angle: bool = True
    """Turn patches by any angle in their plane, and make them up to 10 % larger or
    smaller, where train.augment.rotate is on. Off: quarter turns alone."""
    batch_size: Count = 4
    """Number of patches in a step, in place of train.batch_size. A multiple of
    train.accumulate."""
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)] = (
        *(16, 32, 64),
    )
    """Channels of each stage of the backbone, the finest first, whose strides are 4, 8,
    16, … pixels; multiples of 8."""
    blocks: Layers = 1
    """Number of residual blocks in each stage."""
    width: Width = 32
    """Channels of the pyramid of features and of what reads it; a multiple of 8."""
    anchors: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=32)] = (
        *(8.0, 12.0, 18.0, 27.0, 40.0),
    )
    """With faster_rcnn_slices: sides of the squares that proposals begin with [pixels],
    from the smallest disc's diameter to the largest's, in steps of about 1.5."""
    proposals: Width = 64
    """With faster_rcnn_slices: number of proposals of a patch that are classified; more
    than a patch can have particles."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        refuse_unfit_sizes(self.edge, self.widths, self.width)
        return self

    @property
    def alignment(self) -> int:
        """Deepest stride [pixels]."""
        return deepest_stride(self.widths)

    @property
    def channels(self) -> int:
        """Number of slices that the network sees."""
        return 2 * self.context + 1
