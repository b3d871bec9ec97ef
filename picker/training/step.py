"""One step of training: its rate, its losses, their gradients.

Source: Wang et al. 2025, SemiETPicker, section 2.3; vocabulary of Liu et al. 2021,
Unbiased Teacher.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from picker.machine.processes import num_processes
from picker.networks.views import averaged_views
from picker.training.losses import reweighted_mse, tversky
from picker.training.teacher import PseudoPicks, target_from_teacher

if TYPE_CHECKING:
    from torch import Tensor, nn

    from picker.config import BurnInSettings, CoTrainSettings, TrainSettings
    from picker.networks.network import Network
    from picker.training.patches import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage of training: what it is called, sees and minimises.

    Attributes
    ----------
    name
        burn_in or co_train.
    settings
        Steps, learning rate, averaging.
    shared
        What both stages have in common.
    pseudo_picks
        How the teacher's heatmap becomes a target; None: it is one.
    """

    name: str
    settings: BurnInSettings | CoTrainSettings
    shared: TrainSettings
    pseudo_picks: PseudoPicks | None = None


@dataclass(kw_only=True, slots=True)
class TrainingState:
    """Everything that a resumed run needs; random numbers follow from the step."""

    student: Network
    teacher: Network
    optimizer: torch.optim.Optimizer
    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return tensors and plain values for a checkpoint."""
        return {
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "rows": self.rows,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `to_dict` gave."""
        self.student.load_state_dict(saved["student"])
        self.teacher.load_state_dict(saved["teacher"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]
        self.rows = saved["rows"]


def learning_rate_at(step: int, settings: BurnInSettings | CoTrainSettings) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    span = max(1, settings.steps - settings.warmup_steps)
    progress = min(1.0, (step - settings.warmup_steps) / span)
    low = settings.final_learning_rate
    return settings.learning_rate * (
        low + (1 - low) * 0.5 * (1 + math.cos(math.pi * progress))
    )


def unlabeled_weight_at(step: int, settings: CoTrainSettings) -> float:
    """Return w of a step: it grows linearly to its full value."""
    if settings.ramp_up_steps == 0:
        return settings.unlabeled_weight
    return settings.unlabeled_weight * min(1.0, (step + 1) / settings.ramp_up_steps)


def burn_in_step(
    student: nn.Module, batch: Batch, shared: TrainSettings, *, segments: bool
) -> Tensor:
    """Return the supervised loss, that of a segmentation or of a heatmap."""
    heatmap = student(batch.labeled).float().sigmoid()
    if segments:
        return tversky(heatmap, batch.target, known=batch.labeled_region)
    return reweighted_mse(
        heatmap, batch.target, shared.background_weight, known=batch.labeled_region
    )


def co_train_step(
    student: nn.Module,
    teacher: nn.Module,
    batch: Batch,
    step: int,
    settings: CoTrainSettings,
    shared: TrainSettings,
    how: PseudoPicks | None,
) -> tuple[Tensor, Tensor]:
    """Return the labeled loss and the weighted unlabeled loss."""
    pseudo = averaged_views(teacher, batch.weak, settings.multi_view)
    trusted = known = None
    if how is not None:
        pseudo, known = target_from_teacher(pseudo, how)
        trusted = torch.from_numpy(how.trusted).to(pseudo)
    if batch.unlabeled_region is not None:
        known = batch.unlabeled_region * (1 if known is None else known)
    # One pass over both, so that batch statistics cover labeled and unlabeled.
    both = student(torch.cat([batch.labeled, batch.strong])).float().sigmoid()
    labeled, unlabeled = both.split([len(batch.labeled), len(batch.strong)])
    weight = unlabeled_weight_at(step, settings)
    return (
        reweighted_mse(
            labeled, batch.target, shared.background_weight, known=batch.labeled_region
        ),
        weight
        * reweighted_mse(
            unlabeled,
            pseudo,
            shared.background_weight,
            class_weight=trusted,
            known=known,
        ),
    )


def add_gradients(
    stage: Stage,
    state: TrainingState,
    student: nn.Module,
    batch: Batch,
    autocast: torch.autocast,
) -> dict[str, Tensor]:
    """Add the gradients of a batch, part by part; return the means of its losses.

    Raises
    ------
    ValueError
        If a part is too much for the GPU's memory.
    """
    number = stage.shared.accumulate
    means: dict[str, Tensor] = {}
    try:
        for i in range(number):
            part = batch.part(i, number)
            with autocast:
                losses = _losses(stage, state, student, part)
            loss = torch.stack(list(losses.values())).sum() / number
            # Each process has its share of the loss; gradients are averaged over them.
            (num_processes() * loss).backward()
            for name, value in losses.items():
                means[name] = means.get(name, 0) + value.detach() / number
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"{stage.name}: {len(part.labeled) + len(part.weak)} patches of"
            f" {tuple(part.labeled.shape[2:])} voxels do not fit into the GPU's memory;"
            " raise train.accumulate up to train.batch_size (by the number of GPUs), or"
            " lower train.patch_zyx"
        ) from error
    return means


def _losses(
    stage: Stage, state: TrainingState, student: nn.Module, batch: Batch
) -> dict[str, Tensor]:
    if len(batch.weak) == 0:
        segments = state.student.segments  # DDP's wrapper does not know
        loss = burn_in_step(student, batch, stage.shared, segments=segments)
        return {"labeled_loss": loss}
    labeled, unlabeled = co_train_step(
        student,
        state.teacher,
        batch,
        state.step,
        stage.settings,  # type: ignore[arg-type]
        stage.shared,
        stage.pseudo_picks,
    )
    return {"labeled_loss": labeled, "unlabeled_loss": unlabeled}
