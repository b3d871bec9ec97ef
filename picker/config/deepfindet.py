"""Settings of the methods deepfindet and deepfindet_published."""

from __future__ import annotations

from pydantic import Field

from picker.config.base import Fraction, Positive, Settings


class DeepFindETSettings(Settings):
    """The loss of the methods deepfindet and deepfindet_published.

    It is Tversky's, of each class and of the background. Steps, learning rate and
    average are those of burn_in and co_train.
    """

    miss_weight: Fraction = 0.5
    """β of the loss, no unit: weight of a voxel missed, against 1 less this (α) of one
    too many; 0.5 is the Dice loss, 0.7 that of DeepFindET."""
    class_weights: dict[str, Positive] = Field(default_factory=dict)
    """Weights of classes in the mean of the loss over classes, no unit; for instance
    {thyroglobulin: 2}. Classes that are not named and the background have 1."""
