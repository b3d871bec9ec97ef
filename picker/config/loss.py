"""Settings of the loss of heatmaps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picker.config.base import Settings

LossKind = Literal["reweighted_mse", "reweighted_bce", "weighted_mse"]


class LossSettings(Settings):
    """What training minimises where a network predicts heatmaps; for experiments."""

    kind: LossKind = "reweighted_mse"
    """The loss of labeled and unlabeled patches:
    - reweighted_mse: squared error; particles and background each have weights that add
      up to 1, and background_weight is between them, as in the paper.
    - reweighted_bce: the same weights, cross-entropy in place of the squared error: a
      false peak of .99 moves the network as much as one of .9, or more.
    - weighted_mse: the mean over voxels of (target + 0.1) times the squared error;
      without background_weight."""
    least_particles: Annotated[float, Field(ge=0)] = 0.0
    """With a reweighted loss: a class that has less in a batch than so many particles
    counts less by as much. 0: each class counts alike, and one of which a batch holds
    only the rim of a particle has all its weight on that."""
