"""Teacher and student, on labeled and unlabeled tomograms.

Source: Wang et al. 2025, SemiETPicker, section 2.3; vocabulary of Liu et al. 2021,
Unbiased Teacher.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from picker.config import PartialSettings
from picker.networks.views import averaged_views
from picker.training.losses import mean_square
from picker.training.partial_loss import PartialLoss
from picker.training.task import AveragedTask, learning_rate_at
from picker.training.teacher import PseudoLabels, target_from_teacher
from picker.training.teaching import EVERY, Teaching

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from picker.config import BurnInSettings, CoTrainSettings
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.losses import HeatmapLoss
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
    loss
        Of a heatmap; unlabeled patches may have another.
    pseudo_picks
        How the teacher's heatmap becomes a target; None: it is one.
    partial
        What is made of labels that are a part of the particles. With `count` the
        teacher says what is background there, and the expected number still counts.
    hidden
        Estimates how many particles have no label, as `picker.methods.Data` has it.
    trusted
        `(class,)` which classes the stage before has learned well enough to teach;
        None: all.
    continued
        Settings of the stage before, whose learning rate goes on falling where that
        stage has stopped; None: the learning rate is one of its own.
    names
        The classes, for the log; None: their numbers.
    """

    patches: PatchDataset

    def __init__(
        self,
        name: str,
        settings: CoTrainSettings,
        model: Network,
        patches: PatchDataset,
        loss: HeatmapLoss,
        pseudo_picks: PseudoPicks | None = None,
        partial: PartialSettings | None = None,
        hidden: Hidden | None = None,
        trusted: NDArray[np.bool_] | None = None,
        continued: BurnInSettings | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.name, self.schedule = name, settings
        self.model, self.patches = model, patches
        # With a decay of 1 the teacher stays what burn-in made it; the student is the
        # result.
        self.decay = settings.ema_decay if settings.mean_teacher else 1.0
        self.settings = settings
        self.unlabeled_loss = loss if settings.unlabeled_loss == "same" else mean_square
        self.pseudo_picks = pseudo_picks
        self.labeled_loss = PartialLoss(
            loss, partial or PartialSettings(), teacher_fills=True
        )
        self.hidden = hidden
        self.trusted = trusted
        self.continued = continued
        radius = patches.unlabeled[0].radius
        self.teaching = Teaching(
            names or [str(number) for number in range(len(radius))],
            radius,
            patches.stride,
        )

    def learning_rate(self, step: int) -> float:
        """Return that of its own schedule, or of the one that is continued.

        Then too it begins with a warm-up: Adam's averages are new.
        """
        if self.continued is None:
            return super().learning_rate(step)
        before = self.continued
        rate = learning_rate_at(before.steps + step, before, before.cosine_steps)
        return rate * min(1.0, (step + 1) / max(1, self.settings.warmup_steps))

    def key(self) -> str:
        """Return all settings, which the method may have changed, and pseudo-picks."""
        made = self.pseudo_picks
        picks = made and (
            *(made.threshold.tolist(), made.distance.tolist(), made.kernels),
        )
        trusted = None if self.trusted is None else self.trusted.tolist()
        before = self.continued and self.continued.key()
        settings = self.settings.key(), self.patches.settings.key()
        return str((*settings, picks, trusted, before))

    def before_step(self, step: int) -> None:
        """Estimate unknown numbers with the model of the stage before."""
        if step == 0:
            self.labeled_loss.estimate(self.hidden, self.patches, self.teacher)

    def state(self) -> dict[str, Any]:
        """Return both models' weights, and what the loss and the log remember."""
        return {
            **super().state(),
            "loss": self.labeled_loss.state(),
            "teaching": self.teaching.state(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        super().restore(saved)
        self.labeled_loss.restore(saved["loss"])
        # Checkpoints of earlier versions have none; only the next row lacks steps.
        self.teaching.restore(saved.get("teaching"))

    def figures(self) -> dict[str, float]:
        """Return what the teacher proposes, and how far the student is from it."""
        return self.teaching.means()

    def pseudo_labels(self, heatmap: Tensor, batch: Batch) -> PseudoLabels:
        """Return what is made of the teacher's heatmap of unlabeled patches.

        Parameters
        ----------
        heatmap
            `(batch, class, z/R, y/R, x/R)` in [0, 1].
        batch
            Whose labels of unlabeled patches, if there are any, join it.
        """
        region = batch.unlabeled_region
        if self.pseudo_picks is not None:
            made = target_from_teacher(heatmap, self.pseudo_picks, batch.weak_target)
            if region is None or made.known is None:
                return made
            return replace(made, known=region * made.known)
        target = torch.where(heatmap < self.settings.floor, 0, heatmap)
        if batch.weak_target is not None:
            target = torch.maximum(target, batch.weak_target)
        return PseudoLabels(target=target, known=region)

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the labeled loss and the weighted unlabeled loss."""
        heatmap = averaged_views(self.teacher, batch.weak, self.settings.multi_view)
        pseudo = self.pseudo_labels(heatmap, batch)
        target = pseudo.target
        trusted = None
        if self.trusted is not None:
            trusted = torch.from_numpy(self.trusted).to(target, non_blocking=True)
        # One pass over both, so that batch statistics cover labeled and unlabeled.
        both = student(torch.cat([batch.labeled, batch.strong])).float().sigmoid()
        labeled, unlabeled = both.split([len(batch.labeled), len(batch.strong)])
        if step % EVERY == 0:
            region = batch.unlabeled_region
            self.teaching.add(heatmap, unlabeled, region, pseudo.picks)
        weight = unlabeled_weight_at(step, self.settings)
        return {
            "labeled_loss": self.labeled_loss(labeled, batch),
            "unlabeled_loss": weight
            * self.unlabeled_loss(
                unlabeled, target, class_weight=trusted, known=pseudo.known
            ),
        }


def unlabeled_weight_at(step: int, settings: CoTrainSettings) -> float:
    """Return w of a step: it grows linearly to its full value."""
    if settings.ramp_up_steps == 0:
        return settings.unlabeled_weight
    return settings.unlabeled_weight * min(1.0, (step + 1) / settings.ramp_up_steps)
