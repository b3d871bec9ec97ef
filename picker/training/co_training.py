"""Teacher and student, on labeled and unlabeled tomograms.

Source: Wang et al. 2025, SemiETPicker, section 2.3; vocabulary of Liu et al. 2021,
Unbiased Teacher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from picker.config import PartialSettings
from picker.networks.views import averaged_views
from picker.training.losses import reweighted_mse
from picker.training.partial_loss import PartialLoss
from picker.training.task import AveragedTask
from picker.training.teacher import target_from_teacher

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.config import CoTrainSettings
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.partial_loss import Hidden
    from picker.training.patches import PatchDataset
    from picker.training.teacher import PseudoPicks


class CoTraining(AveragedTask):
    """The teacher labels what nobody labeled, the student learns from both.

    Parameters
    ----------
    name
        The stage's.
    settings
        Steps, learning rate, views, weights.
    model
        Where both student and teacher start.
    patches
        Labeled and unlabeled ones.
    background_weight
        λ of the loss.
    pseudo_picks
        How the teacher's heatmap becomes a target; None: it is one.
    partial
        What is made of labels that are a part of the particles. With `count` the
        teacher says what is background there, and the expected number still counts.
    hidden
        Estimates how many particles have no label, as `picker.methods.Data` has it.
    """

    def __init__(
        self,
        name: str,
        settings: CoTrainSettings,
        model: Network,
        patches: PatchDataset,
        background_weight: float,
        pseudo_picks: PseudoPicks | None = None,
        partial: PartialSettings | None = None,
        hidden: Hidden | None = None,
    ) -> None:
        self.name, self.schedule = name, settings
        self.model, self.patches = model, patches
        # With a decay of 1 the teacher stays what burn-in made it; the student is the
        # result.
        self.decay = settings.ema_decay if settings.mean_teacher else 1.0
        self.settings = settings
        self.background_weight = background_weight
        self.pseudo_picks = pseudo_picks
        self.labeled_loss = PartialLoss(
            background_weight, partial or PartialSettings(), teacher_fills=True
        )
        self.hidden = hidden

    def key(self) -> str:
        """Return the settings, which the method may have changed, and pseudo-picks."""
        made = self.pseudo_picks
        picks = made and (made.threshold.tolist(), made.trusted.tolist(), made.kernels)
        return str((self.settings.key(), self.patches.settings.key(), picks))

    def before_step(self, step: int) -> None:
        """Estimate unknown numbers with the model of the stage before."""
        if step == 0:
            self.labeled_loss.estimate(self.hidden, self.patches, self.teacher)

    def state(self) -> dict[str, Any]:
        """Return both models' weights, and what the labeled loss remembers."""
        return {**super().state(), "loss": self.labeled_loss.state()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        super().restore(saved)
        self.labeled_loss.restore(saved["loss"])

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the labeled loss and the weighted unlabeled loss."""
        pseudo = averaged_views(self.teacher, batch.weak, self.settings.multi_view)
        trusted = known = None
        if self.pseudo_picks is not None:
            pseudo, known = target_from_teacher(
                pseudo, self.pseudo_picks, batch.weak_target
            )
            trusted = torch.from_numpy(self.pseudo_picks.trusted).to(pseudo)
        elif batch.weak_target is not None:
            pseudo = torch.maximum(pseudo, batch.weak_target)
        if batch.unlabeled_region is not None:
            known = batch.unlabeled_region * (1 if known is None else known)
        # One pass over both, so that batch statistics cover labeled and unlabeled.
        both = student(torch.cat([batch.labeled, batch.strong])).float().sigmoid()
        labeled, unlabeled = both.split([len(batch.labeled), len(batch.strong)])
        weight = unlabeled_weight_at(step, self.settings)
        return {
            "labeled_loss": self.labeled_loss(labeled, batch),
            "unlabeled_loss": weight
            * reweighted_mse(
                unlabeled,
                pseudo,
                self.background_weight,
                class_weight=trusted,
                known=known,
            ),
        }


def unlabeled_weight_at(step: int, settings: CoTrainSettings) -> float:
    """Return w of a step: it grows linearly to its full value."""
    if settings.ramp_up_steps == 0:
        return settings.unlabeled_weight
    return settings.unlabeled_weight * min(1.0, (step + 1) / settings.ramp_up_steps)
