"""Settings of the method upicker, a detection transformer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from picker.config.base import Count, Fraction, Positive, Settings
from picker.config.detr import DenoisingSettings, DetrSettings


class OnBlobsSettings(Settings):
    """First stage: trains on blobs, which need no label, in all training tomograms."""

    steps: Annotated[int, Field(ge=0)] = 5000
    """Number of optimizer steps; 0: the first stage is left out."""
    learning_rate: Positive = 1e-3
    """Highest learning rate, no unit. A network of published size needs 1e-4, here and
    in burn_in."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Number of steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the highest."""
    ema_decay: Fraction = 0.99
    """Decay per step of the averaged weights, which are the result; 0: no average."""


class UPickerSettings(Settings):
    """The method upicker: a detection transformer looks at one slice after the other.

    First it trains on blobs, whose filter is that of the section blobs, then on labels,
    in the steps and with the rates of burn_in. Patches are augmented as train.augment
    says. How slices become particles: see link.
    """

    network: DetrSettings = DetrSettings()
    """The network, which a model file remembers. In place of the section model."""
    denoising: DenoisingSettings = DenoisingSettings()
    """Queries made of the truth, which the network learns to correct or to refuse."""
    pretrain: OnBlobsSettings = OnBlobsSettings()
    batch_size: Count = 4
    """Number of 2D patches in a step, in place of train.batch_size. A multiple of
    train.accumulate."""
    min_chord: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Smallest part of a particle that has a box on a slice: what the slice cuts is so
    wide or wider, as a fraction of the diameter. From .5 on, boxes of two particles of
    a class are never within a radius."""
