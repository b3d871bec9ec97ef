"""The network and how it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from picker.config.base import (
    Count,
    Fraction,
    Positive,
    Settings,
    ShapeZYX,
    UserPath,
)

if TYPE_CHECKING:
    from picker.config.methods import NetworkName


# No network is larger. A file can say anything, and only naming layers costs time.
Width = Annotated[int, Field(ge=1, le=4096)]
Blocks = Annotated[int, Field(ge=1, le=100)]
Stages = Field(max_length=8)


class ModelSettings(Settings):
    """The network. The methods vnet and deepfindet take preset and dropout alone."""

    preset: Literal["small", "full"] = "full"
    """full: as published (semietpicker: ResNet-34 widths, 73 million parameters);
    small: trains on a CPU."""
    widths: Annotated[tuple[Width, ...], Stages] | None = None
    """Channels of each encoder stage, such as [16, 32, 64]; null: the preset's."""
    blocks: Annotated[tuple[Blocks, ...], Stages] | None = None
    """Residual blocks of each encoder stage, such as [2, 2, 2]; null: the preset's."""
    stem_pool: bool | None = None
    """Halve the resolution after the stem by max-pooling, as ResNet does: true or
    false; null: the preset's."""
    dropout: Fraction = 0.0
    """Probability that a channel is dropped before the last layer, in 0..1; in vnet at
    each skip."""

    @model_validator(mode="after")
    def _one_width_a_stage(self) -> Self:
        widths, blocks, _ = self.architecture
        if len(widths) != len(blocks):
            raise ValueError(
                f"model.widths names {len(widths)} stages, model.blocks {len(blocks)};"
                " give as many of each"
            )
        return self

    def alignment(self, network: NetworkName) -> int:
        """Return the deepest stride of a network [voxels]."""
        if network in ("vnet", "deepfindet"):
            return 16 if network == "vnet" else 4
        widths, _, stem_pool = self.architecture
        return int(2 ** (len(widths) + stem_pool))

    @property
    def architecture(self) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
        """Widths, blocks and stem pool after the preset filled in what is null."""
        presets = {
            "small": ((16, 32, 64), (2, 2, 2), False),
            "full": ((64, 128, 256, 512), (3, 4, 6, 3), True),
        }
        widths, blocks, pool = presets[self.preset]
        return (
            self.widths or widths,
            self.blocks or blocks,
            pool if self.stem_pool is None else self.stem_pool,
        )


class AugmentSettings(Settings):
    """How patches are changed before the network sees them."""

    rotate: bool = True
    """Rotate labeled and unlabeled patches by multiples of 90 degrees about z."""
    intensity: Fraction = 0.5
    """Probability of each change of intensity, in 0..1; 0 turns them off."""
    labeled_intensity: bool = True
    """Change intensities of labeled patches too."""
    dropblock: bool = True
    """Hide small blocks of the student's unlabeled patches (paper, table 3)."""
    dropblock_rate: Fraction = 0.1
    """Fraction of voxels hidden, on average, in 0..1."""
    dropblock_size: Annotated[int, Field(ge=1)] = 3
    """Edge of a hidden block [voxels], odd, smaller than a particle."""

    @field_validator("dropblock_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"dropblock_size is {value}; expected an odd number")
        return value


class TrainSettings(Settings):
    """What both training stages share."""

    # A seed gives the same weights on the same machine only, so `device` is as little
    # a part of the result as the machine is.
    NOT_IN_KEY = frozenset(
        {
            "device",
            "num_workers",
            "validate_every",
            "checkpoint_every",
            "checkpoint_minutes",
        }
    )

    seed: int = 0
    """Same seed, same machine, same weights."""
    patch_zyx: ShapeZYX = (90, 90, 90)
    """Size of a training patch [voxels], z, y, x; cut down to the smallest tomogram.
    The paper has [90, 90, 90]."""
    batch_size: Count = 2
    """Labeled patches in a step; co-training adds as many unlabeled ones."""
    accumulate: Count = 1
    """Parts that a batch is computed in, one after the other: 2 takes half of the GPU's
    memory for the patches (the network and Adam's averages take as much as before). A
    step follows the mean of their losses, each with batch statistics and weights of its
    own patches' classes, so it is not quite the step of 1. Must divide batch_size."""
    background_weight: Positive = 4.0
    """λ of the loss, no unit: weight of the background against the particles."""
    sigma_per_radius: Positive = 0.5
    """Width (σ) of a target's Gaussian as a fraction of the particle's radius."""
    floor_targets: bool = False
    """Snap targets to output voxels as the paper writes it; costs accuracy."""
    centered_fraction: Fraction = 0.7
    """Fraction of labeled patches cut around a particle, each class as often, in 0..1;
    the rest lie anywhere."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Adam's decoupled weight decay, no unit."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the processor is fast at it, and safe; or float32,
    bfloat16."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train: auto (the GPU where there is one), cpu or cuda."""
    num_workers: Annotated[int, Field(ge=0)] | None = None
    """Processes that cut and augment patches beside the training; null: on a GPU one
    for each further core of the job, else 1, or 0 where there are four cores or
    fewer."""
    validate_every: Count = 500
    """Steps between evaluations on the validation tomograms, where there are any."""
    checkpoint_every: Count = 500
    """Steps between checkpoints, from which a stopped training continues."""
    checkpoint_minutes: Positive = 5.0
    """Minutes between checkpoints; whichever comes first."""
    augment: AugmentSettings = AugmentSettings()
    """How patches are changed before the network sees them."""

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size is {self.batch_size}, accumulate {self.accumulate};"
                f" expected a multiple of {self.accumulate} as batch_size"
            )
        return self


class BurnInSettings(Settings):
    """First stage: supervised, on the labeled tomograms."""

    # What counts is the model that this path holds.
    NOT_IN_KEY = frozenset({"start_from"})

    start_from: UserPath | None = None
    """Begin from this model: results/<method>/models/<stage>.safetensors of another
    project with the same model settings and about the same voxel size, whatever its
    particles; null: random weights."""
    steps: Count = 5000
    """Optimizer steps; on real data some thousands."""
    learning_rate: Positive = 1e-3
    """Highest learning rate, no unit: warms up to it, then falls along a cosine."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the highest."""
    ema_decay: Fraction = 0.99
    """Decay per step of the averaged weights, which are the result; 0: the last
    ones."""


class CoTrainSettings(Settings):
    """Second stage: teacher and student, on labeled and unlabeled tomograms."""

    steps: Annotated[int, Field(ge=0)] = 5000
    """Optimizer steps; 0 leaves the stage out."""
    learning_rate: Positive = 5e-4
    """Highest learning rate, no unit: warms up to it, then falls along a cosine."""
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    """Steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the highest."""
    mean_teacher: bool = True
    """Average the student into the teacher, which is the result; false: the teacher
    stays the burn-in's, and the student is the result."""
    ema_decay: Fraction = 0.995
    """Decay per step of the teacher's average (1 - α of the paper)."""
    multi_view: bool = True
    """Average the teacher's heatmaps over the patch and its three flips (paper, table
    3)."""
    unlabeled_weight: Annotated[float, Field(ge=0)] = 1.0
    """w of the loss, no unit: weight of the unlabeled loss against the labeled one."""
    ramp_up_steps: Annotated[int, Field(ge=0)] = 50
    """Steps over which that weight grows from 0."""
    pseudo_labels: Literal["heatmap", "picks"] = "heatmap"
    """What the student learns from the teacher:
    - heatmap: its averaged heatmap itself, as in the paper.
    - picks: its peaks above each class's threshold, drawn again as clean targets."""
    doubt: Fraction = 0.5
    """With pseudo_labels picks: from this fraction of a class's threshold on, a value
    without a pseudo-pick says nothing; below it is background. No unit, 0 to 1."""
    min_f: Fraction = 0.1
    """With pseudo_labels picks: a class whose burn-in reaches a lower F1 than this on
    the validation tomograms, or without any on the labeled ones, gets no pseudo-labels,
    which would make the student forget it. No unit, 0 to 1."""
