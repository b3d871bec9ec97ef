"""A learning rate that falls where validation F1 no longer rises.

It is a function of the figures so far, which the training's log keeps: so a resumed
training has the rate of one that was not interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import BurnInSettings

LEAST_GAIN = 1e-4
"""A figure that is higher by less counts as no higher; as in Keras."""


def rate_on_plateaus(
    step: int, schedule: BurnInSettings, figures: Sequence[float]
) -> float:
    """Return the learning rate of a step.

    Parameters
    ----------
    step
        Number of steps before this one.
    schedule
        Rates and steps of the warm-up, and its section `plateau`.
    figures
        F1 after each epoch so far.

    Source: Keras, callback ReduceLROnPlateau, with mode max.
    """
    if step < schedule.warmup_steps:
        return schedule.learning_rate * (step + 1) / schedule.warmup_steps
    plateau = schedule.plateau
    fallen = schedule.learning_rate * plateau.factor ** _falls(
        figures, plateau.patience
    )
    # One that begins below the lowest does not rise.
    return min(schedule.learning_rate, max(plateau.lowest, fallen))


def _falls(figures: Sequence[float], patience: int) -> int:
    """Return how often so many figures in a row were no higher than the best before."""
    best, waited, falls = float("-inf"), 0, 0
    for figure in figures:
        waited += 1
        if figure > best + LEAST_GAIN:
            best, waited = figure, 0
        elif waited == patience:
            falls, waited = falls + 1, 0
    return falls
