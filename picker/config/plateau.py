"""Settings of a learning rate that falls where training no longer helps."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from picker.config.base import Count, Positive, Settings


class PlateauSettings(Settings):
    """Lowers the learning rate where F1 on validation tomograms no longer rises.

    In place of the cosine: after the warm-up the rate is learning_rate until then. It
    needs tomograms of split validation (docs/kaggle.md).
    """

    patience: Annotated[int, Field(ge=0)] = 0
    """Number of epochs in a row without a higher F1 after which the rate falls; 0: off,
    it follows the cosine."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """What the rate is multiplied by each time."""
    lowest: Positive = 1e-6
    """Lowest learning rate, no unit."""
    epoch_steps: Count = 250
    """Number of steps between two looks at the validation tomograms, in place of
    train.validate_every."""

    @property
    def is_on(self) -> bool:
        """Whether the rate falls so."""
        return self.patience > 0
