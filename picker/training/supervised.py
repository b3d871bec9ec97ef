"""Training on labels alone: the task, and the bricks that methods make it of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.encodings.heatmap import Gaussians
from picker.training.losses import reweighted_mse, tversky
from picker.training.patches import PatchDataset
from picker.training.task import AveragedTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from picker.config import BurnInSettings, CoTrainSettings, TrainSettings
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.source import PatchSource
    from picker.training.task import Schedule

    Loss = Callable[[Tensor, Batch], Tensor]


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

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the loss on the labels."""
        del step
        heatmap = student(batch.labeled).float().sigmoid()
        return {"labeled_loss": self.loss(heatmap, batch)}


def heatmap_task(
    stage: str,
    model: Network,
    labeled: Sequence[PatchSource],
    settings: BurnInSettings,
    shared: TrainSettings,
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
    """
    encoding = Gaussians(
        sigma_per_radius=shared.sigma_per_radius, floor=shared.floor_targets
    )
    patches = PatchDataset(labeled, [], shared, stage, encoding, stride=model.stride)
    loss = heatmap_loss(shared.background_weight)
    return Supervised(stage, settings, model, patches, loss, settings.ema_decay)


def as_long_as_both(
    burn_in: BurnInSettings, co_train: CoTrainSettings
) -> BurnInSettings:
    """Return burn-in with the steps of co-training added, as a baseline to compare."""
    return burn_in.model_copy(update={"steps": burn_in.steps + co_train.steps})


def heatmap_loss(background_weight: float) -> Loss:
    """Return the loss of a heatmap against its target, λ being `background_weight`."""

    def loss(heatmap: Tensor, batch: Batch) -> Tensor:
        return reweighted_mse(
            heatmap, batch.target, background_weight, known=batch.labeled_region
        )

    return loss


def segmentation_loss(heatmap: Tensor, batch: Batch) -> Tensor:
    """Return the loss of a segmentation against its target."""
    return tversky(heatmap, batch.target, known=batch.labeled_region)
