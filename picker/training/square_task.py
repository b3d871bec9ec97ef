"""Training of a detector of squares on slices: the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from picker.training.square_targets import channels_of
from picker.training.task import AveragedTask

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.slices import SliceDataset
    from picker.training.task import Schedule


class SquareLosses(Protocol):
    """Returns the losses of a detector."""

    def __call__(
        self,
        student: nn.Module,
        patches: Tensor,
        target: Tensor,
        known: Tensor | None,
        generator: torch.Generator,
        /,
    ) -> dict[str, Tensor]:
        """Return them by name; their sum is minimised.

        Parameters
        ----------
        student
            The detector, wrapped where several processes train.
        patches
            `(batch, channel, edge, edge)`.
        target
            `(batch, n, 4)` classes and squares as `SliceDataset` gives.
        known
            `(batch, edge, edge)` above 0 where somebody looked for particles; None:
            everywhere. Elsewhere nothing that is found is wrong.
        generator
            Draws what is random, on the CPU, so that it is the same everywhere.
        """


class SquareTask(AveragedTask):
    """Learns squares of slices; the average of the weights is the result.

    Parameters
    ----------
    name
        The stage's.
    schedule
        Steps and learning rate.
    model
        Where training starts.
    patches
        With squares.
    channels
        That the model has.
    of
        Its losses.
    decay
        Of the average, per step; 0: the last weights.
    clip
        Longest gradient.
    """

    patches: SliceDataset

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        model: Network,
        patches: SliceDataset,
        channels: int,
        of: SquareLosses,
        decay: float,
        clip: float = AveragedTask.clip,
    ) -> None:
        self.name, self.schedule = name, schedule
        self.model, self.patches = model, patches
        self.channels, self.of = channels, of
        self.decay, self.clip = decay, clip

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the detector's losses; the same numbers are drawn at the same step."""
        patches = channels_of(batch.labeled, self.channels)
        known = None if batch.labeled_region is None else batch.labeled_region[:, 0, 0]
        generator = torch.Generator().manual_seed(self._seed(step))
        return self.of(student, patches, batch.target, known, generator)

    def _seed(self, step: int) -> int:
        """Return a seed for a step, so that a resumed run has the same."""
        drawn = torch.Generator().manual_seed(self.patches.settings.seed % 2**63)
        own = torch.randint(2**31, (1,), generator=drawn).item()
        return (int(own) + self.patches.stage + step) % 2**63
