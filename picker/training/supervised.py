"""Training on labels alone: the task, and the bricks that methods make it of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

from picker.config import BurnInSettings, PartialSettings
from picker.encodings.heatmap import Gaussians
from picker.training.expected import mass_of_one
from picker.training.losses import HeatmapLoss, tversky
from picker.training.partial_loss import PartialLoss, as_learned
from picker.training.patches import PatchDataset
from picker.training.task import AveragedTask, learning_rate_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from picker.config import CoTrainSettings, PretrainSettings, TrainSettings
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.partial_loss import Hidden
    from picker.training.source import PatchSource
    from picker.training.task import Schedule


class Loss(Protocol):
    """Returns the loss of a heatmap and its batch."""

    def __call__(self, heatmap: Tensor, batch: Batch, /) -> Tensor:
        """Return it for a heatmap `(batch, class, z/R, y/R, x/R)` in [0, 1]."""


@runtime_checkable
class Memory(Protocol):
    """A loss that remembers earlier batches; a checkpoint keeps what it does."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""

    def restore(self, saved: dict[str, Any], /) -> None:
        """Take over what `state` gave."""


class Supervised(AveragedTask):
    """Minimises one loss on labeled patches; the average of the weights is the result.

    Parameters
    ----------
    name
        The stage's.
    schedule
        Steps and learning rate.
    model
        Where training starts.
    patches
        Labeled ones.
    loss
        Of a heatmap `(batch, class, z/R, y/R, x/R)` in [0, 1] and its batch.
    decay
        Of the average, per step; 0: the last weights.

    Source: Wang et al. 2025, SemiETPicker, section 2.3 (burn-in).
    """

    patches: PatchDataset

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        model: Network,
        patches: PatchDataset,
        loss: Loss,
        decay: float,
    ) -> None:
        self.name, self.schedule = name, schedule
        self.model, self.patches = model, patches
        self.loss, self.decay = loss, decay

    def state(self) -> dict[str, Any]:
        """Return the models' weights, and what the loss remembers."""
        kept = super().state()
        if isinstance(self.loss, Memory):
            kept["loss"] = self.loss.state()
        return kept

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        super().restore(saved)
        if isinstance(self.loss, Memory):
            self.loss.restore(saved["loss"])

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the loss on the labels."""
        del step
        heatmap = student(batch.labeled).float().sigmoid()
        return {"labeled_loss": self.loss(heatmap, batch)}


class OfHeatmaps(Supervised):
    """Supervised training of heatmaps, where a part of the particles may have labels.

    Parameters
    ----------
    name, schedule, model, patches, decay
        As for `Supervised`.
    loss
        Of the heatmap.
    hidden
        Estimates how many particles have no label, as `picker.methods.Data` has it.
    """

    loss: PartialLoss
    schedule: BurnInSettings

    def __init__(
        self,
        name: str,
        schedule: BurnInSettings,
        model: Network,
        patches: PatchDataset,
        loss: PartialLoss,
        decay: float,
        hidden: Hidden | None,
    ) -> None:
        super().__init__(name, schedule, model, patches, loss, decay)
        self.hidden = hidden

    def learning_rate(self, step: int) -> float:
        """Return that of a cosine that may go on in the next stage."""
        return learning_rate_at(step, self.schedule, self.schedule.cosine_steps)

    def before_step(self, step: int) -> None:
        """Estimate unknown numbers once the model finds some particles."""
        if step == self.schedule.steps // 3:
            self.loss.estimate(self.hidden, self.patches, self.teacher)


def heatmap_task(
    stage: str,
    model: Network,
    labeled: Sequence[PatchSource],
    settings: BurnInSettings,
    shared: TrainSettings,
    partial: PartialSettings | None = None,
    hidden: Hidden | None = None,
) -> Supervised:
    """Return supervised training of a network that predicts heatmaps.

    `picker.finding.window_finder.heatmap_finder` finds with its result.

    Parameters
    ----------
    stage
        Its name.
    model
        Where training starts.
    labeled
        Tomograms to cut patches from.
    settings, shared
        Of this stage, and of all stages.
    partial
        What is made of labels that are a part of the particles.
    hidden
        Estimates how many particles have no label, as `picker.methods.Data` has it.
    """
    encoding = Gaussians(
        sigma_per_radius=shared.sigma_per_radius, floor=shared.floor_targets
    )
    partial = partial or PartialSettings()
    labeled = as_learned(labeled, partial)
    patches = PatchDataset(labeled, [], shared, stage, encoding, stride=model.stride)
    loss = PartialLoss(heatmap_loss(shared, patches), partial)
    return OfHeatmaps(stage, settings, model, patches, loss, settings.ema_decay, hidden)


def pretraining_task(
    stage: str,
    model: Network,
    proposed: Sequence[PatchSource],
    settings: PretrainSettings,
    shared: TrainSettings,
) -> Supervised:
    """Return training of a network that predicts heatmaps, on proposals as labels.

    Parameters
    ----------
    stage, model, shared
        As for `heatmap_task`.
    proposed
        Tomograms to cut patches from, with sure proposals in place of labels and
        doubtful ones outside of what is known.
    settings
        Steps and learning rate.
    """
    schedule = BurnInSettings(
        steps=settings.steps, learning_rate=settings.learning_rate
    )
    return heatmap_task(stage, model, proposed, schedule, shared)


def heatmap_loss(shared: TrainSettings, patches: PatchDataset) -> HeatmapLoss:
    """Return the loss of heatmaps that the settings choose.

    Parameters
    ----------
    shared
        Settings of all stages.
    patches
        What is trained on: how large its particles are.
    """
    least = None
    if shared.loss.least_particles:
        radius = patches.labeled[0].radius
        mass = mass_of_one(patches.encoding, radius, patches.stride)
        least = tuple((shared.loss.least_particles * mass).tolist())
    return HeatmapLoss(
        background_weight=shared.background_weight,
        kind=shared.loss.kind,
        least_mass=least,
        over_unknown=any(source.review for source in patches.labeled),
    )


def as_long_as_both(
    burn_in: BurnInSettings, co_train: CoTrainSettings
) -> BurnInSettings:
    """Return burn-in with the steps of co-training added, as a baseline to compare.

    Its learning rate follows one cosine to the end.
    """
    steps = burn_in.steps + co_train.steps
    return burn_in.model_copy(update={"steps": steps, "cosine_steps": None})


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationLoss:
    """The loss of a segmentation against its target; a `Loss`.

    Attributes
    ----------
    miss_weight
        β of `tversky`.
    class_weight
        `(1 + class,)` of the background and of each class; None: equal.
    """

    miss_weight: float = 0.5
    class_weight: tuple[float, ...] | None = None

    def __call__(self, heatmap: Tensor, batch: Batch) -> Tensor:
        """Return it for a heatmap `(batch, class, z, y, x)` in [0, 1]."""
        weight = None
        if self.class_weight is not None:
            weight = torch.tensor(self.class_weight).to(heatmap, non_blocking=True)
        return tversky(
            heatmap,
            batch.target,
            self.miss_weight,
            class_weight=weight,
            known=batch.labeled_region,
        )
