"""Settings of co-training, SemiETPicker's second stage."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from picker.config.base import Fraction, Positive, Settings

Halves = Literal["none", "opposite", "mixed"]


class CoTrainSettings(Settings):
    """Second stage, co-training: teacher and student, labeled and unlabeled data."""

    steps: Annotated[int, Field(ge=0)] = 5000
    """Number of optimizer steps; 0 leaves the stage out."""
    schedule: Literal["restart", "continue"] = "restart"
    """For experiments. How the learning rate goes on after burn-in:
    - restart: with the three settings below.
    - continue: along burn-in's cosine, after `warmup_steps`. With burn_in.cosine_steps
      the sum of both stages' steps that is one cosine; without, it is burn-in's last
      rate."""
    learning_rate: Positive = 5e-4
    """Highest learning rate, no unit, reached after the warm-up; then it falls along a
    cosine."""
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    """Number of steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the highest."""
    mean_teacher: bool = True
    """Whether the teacher follows the student as a moving average and is the result.
    false: the teacher stays as burn-in left it, and the student is the result."""
    ema_decay: Fraction = 0.995
    """Decay per step of the teacher's average (1 - α of the paper)."""
    multi_view: bool = True
    """Average the teacher's heatmaps over the patch and its three flips (paper, table
    3)."""
    unlabeled_weight: Annotated[float, Field(ge=0)] = 1.0
    """w of the loss, no unit: weight of the unlabeled loss relative to the labeled
    one."""
    ramp_up_steps: Annotated[int, Field(ge=0)] = 50
    """Number of steps in which that weight grows from 0."""
    unlabeled_loss: Literal["same", "mse"] = "same"
    """For experiments. The loss of unlabeled patches: the same as of labeled ones, or
    mse, the plain mean of the squared error, which is a hundred times smaller."""
    floor: Fraction = 0.0
    """For experiments. With pseudo_labels heatmap: values of the teacher's heatmap
    below it count as 0, as most of them are a haze between particles, in 0..1."""
    halves: Halves = "none"
    """What teacher and student see of unlabeled tomograms with halves
    (docs/halves.md, with what it gained):
    - none: both see the tomogram.
    - opposite: the teacher sees one half, the student the other.
    - mixed: the teacher sees a random mixture of both halves, the student the opposite
      one."""
    pseudo_labels: Literal["heatmap", "picks"] = "heatmap"
    """What the student learns from the teacher:
    - heatmap: the teacher's averaged heatmap, as in the paper.
    - picks: its peaks above each class's threshold, drawn as new, clean targets."""
    doubt: Fraction = 0.5
    """With pseudo_labels picks: fraction of a class's threshold, in 0..1. Where there
    is no pseudo-pick, higher values of the heatmap are ignored and lower ones are
    background."""
    min_f: Fraction = 0.5
    """With pseudo_labels picks or trusted_only: least F, in 0..1, of a class after
    burn-in, at the threshold that section calibrate would choose for it. Classes below
    it get no pseudo-labels, of which more than half would be wrong or missing."""
    trusted_only: bool = False
    """For experiments. With pseudo_labels heatmap too: leave the classes below min_f
    out of the unlabeled loss."""

    def as_published(self, *, multi_view: bool) -> Self:
        """Return them with nothing that the paper lacks."""
        published = {
            "schedule": "restart",
            "mean_teacher": True,
            "unlabeled_loss": "same",
            "floor": 0.0,
            "halves": "none",
            "pseudo_labels": "heatmap",
            "trusted_only": False,
        }
        return self.model_copy(update=published | {"multi_view": multi_view})

    @property
    def uses_thresholds(self) -> bool:
        """Whether thresholds and F1 of burn-in matter."""
        return self.pseudo_labels == "picks" or self.trusted_only

    @property
    def reads(self) -> tuple[str, ...]:
        """Further sections that the stage reads, as these settings are."""
        before = ("burn_in",) if self.schedule == "continue" else ()
        thresholds = ("predict", "calibrate", "pick") if self.uses_thresholds else ()
        return before + thresholds
