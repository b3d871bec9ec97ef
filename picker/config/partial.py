"""What is made of labels that are a part of a tomogram's particles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picker.config.base import Positive, Settings


class PartialSettings(Settings):
    """Tomograms of the split partial: some of their particles have labels.

    No pick without a label is wrong there: not for thresholds, not in the evaluation.
    Nothing else reads this section.
    """

    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    """Fraction of each particle's labels that trains nothing and chooses its threshold
    instead, of 10 labels or more, in 0..0.5; 0: every label trains, and the expected
    number and the labels' own scores choose it."""
    loss: Literal["empty", "count", "non_negative", "none"] = "empty"
    """What the network learns where no label is:
    - empty: background. The loss forgives it: particles and background have weights of
      their own, and few voxels of the background are particles without a label. The
      best on phantoms (docs/accuracy.md).
    - count: background, and so many particles as are expected besides those labeled:
      the mean of the heatmap is compared with what they would give. In co-training the
      teacher says where the background is. Where nobody knows how many there are, it
      is estimated after a third of the steps, and is as background before.
    - non_negative: background, less what particles without a label would add to it, as
      they score like those with one (Kiryo et al. 2017).
    - none: nothing."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """With count: weight of the comparison, no unit."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """With count and non_negative: part of the means that earlier batches make up, in
    0..1, as one batch holds few particles."""
    expected_factor: Positive = 1.0
    """Multiplies every expected number, to see how much depends on it."""
