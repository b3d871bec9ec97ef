"""What the loop trains: a model, its batches and losses, and what a checkpoint keeps.

The loop knows tasks alone. A method makes one for each of its stages, of the bricks
beside this file or of its own.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from picker.config import BurnInSettings, PlateauSettings
from picker.training.plateau import rate_on_plateaus
from picker.training.teacher import update_teacher

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor, nn

    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.plan import Batches


class Schedule(Protocol):
    """How long a stage trains, and how fast: a section of the settings has these."""

    @property
    def steps(self) -> int:
        """Optimizer steps."""

    @property
    def learning_rate(self) -> float:
        """Peak learning rate."""

    @property
    def warmup_steps(self) -> int:
        """Steps of linear warm-up."""

    @property
    def final_learning_rate(self) -> float:
        """Learning rate of the last step as a fraction of the peak."""


def learning_rate_at(
    step: int, schedule: Schedule, cosine_steps: int | None = None
) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine.

    Parameters
    ----------
    step
        Number of steps before this one.
    schedule
        Steps and rates.
    cosine_steps
        Step at which the cosine ends, which may lie beyond the schedule's; None: there.
    """
    if step < schedule.warmup_steps:
        return schedule.learning_rate * (step + 1) / schedule.warmup_steps
    span = max(1, (cosine_steps or schedule.steps) - schedule.warmup_steps)
    progress = min(1.0, (step - schedule.warmup_steps) / span)
    low = schedule.final_learning_rate
    return schedule.learning_rate * (
        low + (1 - low) * 0.5 * (1 + math.cos(math.pi * progress))
    )


class Task(ABC):
    """One stage of a method.

    Attributes
    ----------
    name
        The stage's, for the log.
    schedule
        Steps and learning rate.
    model
        What the optimizer changes.
    patches
        Batches by step number.
    clip
        Longest gradient; one that is longer is shortened to it.
    """

    name: str
    schedule: Schedule
    model: Network
    patches: Batches
    clip: float = 10.0

    def begin(self, device: torch.device) -> None:
        """Move everything to the device that trains; called once, before all else."""
        self.model = self.model.to(device)

    @abstractmethod
    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the losses of a batch by name; their sum is minimised.

        Parameters
        ----------
        student
            The model, wrapped where several processes train.
        batch
            On the model's device.
        step
            Number of steps before this one.
        """

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step, whose number is given as to `losses`."""
        return learning_rate_at(step, self.schedule)

    @property
    def plateau(self) -> PlateauSettings:
        """How the rate falls where F1 no longer rises; in co-training it is off."""
        if isinstance(self.schedule, BurnInSettings):
            return self.schedule.plateau
        return PlateauSettings()

    def rate(self, step: int, figures: Sequence[float]) -> float:
        """Return the learning rate of a step, after figures of validation so far."""
        if isinstance(self.schedule, BurnInSettings) and self.schedule.plateau.is_on:
            return rate_on_plateaus(step, self.schedule, figures)
        return self.learning_rate(step)

    def before_step(self, step: int) -> None:  # noqa: B027 - as below
        """Do what comes before a step, whose number is given as to `losses`."""

    def after_step(self) -> None:  # noqa: B027 - most tasks have nothing to do
        """Do what follows on a step of the optimizer."""

    def figures(self) -> dict[str, float]:
        """Return what a row of the log shows besides losses, and begin anew.

        The loop asks at each row, so they are of the steps since the last one.
        """
        return {}

    def key(self) -> str:
        """Return what else the result depends on, besides settings and tomograms."""
        return ""

    @property
    def result(self) -> Network:
        """The model that the stage is for."""
        return self.model

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold besides optimizer and step."""
        return {"student": self.model.state_dict()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.model.load_state_dict(saved["student"])


class AveragedTask(Task):
    """A task with a teacher: a moving average of the model, and the result.

    Attributes
    ----------
    decay
        Of the average, per step; at 1 the teacher stays what it was, and the model is
        the result.
    teacher
        In `eval` mode.
    """

    decay: float
    teacher: Network

    def begin(self, device: torch.device) -> None:
        """Start the average where the model starts."""
        super().begin(device)
        teacher = copy.deepcopy(self.model).eval()
        self.teacher = teacher.requires_grad_(requires_grad=False)

    def after_step(self) -> None:
        """Move the average towards the model."""
        update_teacher(self.teacher, self.model, self.decay)

    @property
    def result(self) -> Network:
        """The teacher, unless it stays what it was."""
        return self.teacher if self.decay < 1 else self.model

    def state(self) -> dict[str, Any]:
        """Return both models' weights."""
        return {**super().state(), "teacher": self.teacher.state_dict()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over both models' weights."""
        super().restore(saved)
        self.teacher.load_state_dict(saved["teacher"])
