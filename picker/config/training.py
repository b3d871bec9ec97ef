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


# No network is that large. A file can say anything, and naming layers alone costs time.
Width = Annotated[int, Field(ge=1, le=4096)]
Blocks = Annotated[int, Field(ge=1, le=100)]
Stages = Field(max_length=8)


class ModelSettings(Settings):
    """The network; the methods vnet and deepfindet take preset and dropout alone."""

    preset: Literal["small", "full"] = "full"
    """full: as published (ResNet-34 widths, about 73 M parameters, unless the method
    has a network of its own); small: trains on a CPU."""
    widths: Annotated[tuple[Width, ...], Stages] | None = None
    """Channels of each encoder stage; null takes the preset's."""
    blocks: Annotated[tuple[Blocks, ...], Stages] | None = None
    """Residual blocks of each encoder stage; null takes the preset's."""
    stem_pool: bool | None = None
    """Max-pool after the stem, as ResNet does; null takes the preset's."""
    dropout: Fraction = 0.0
    """Channel dropout before the head (in vnet at each skip), a probability."""

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
    """Probability of each intensity augmentation; 0 turns all of them off."""
    labeled_intensity: bool = True
    """Apply intensity augmentations to labeled patches too."""
    dropblock: bool = True
    """Occlude small blocks of the student's unlabeled input (paper, Table 3)."""
    dropblock_rate: Fraction = 0.1
    """Fraction of voxels that DropBlock occludes, on average."""
    dropblock_size: Annotated[int, Field(ge=1)] = 3
    """Edge of one occluded block [voxels], odd; smaller than a particle."""

    @field_validator("dropblock_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"dropblock_size is {value}; expected an odd number")
        return value


class TrainSettings(Settings):
    """What burn-in and co-training share."""

    # A seed gives the same weights on the same machine alone, so `device` is no more
    # part of the result than the machine is.
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
    """Size of a training patch [voxels]; cut down to the smallest tomogram."""
    batch_size: Count = 2
    """Labeled patches in a step; co-training adds as many unlabeled ones."""
    accumulate: Count = 1
    """Parts that a batch is computed in, one after the other; each has batch statistics
    and denominators of the loss of its own. More than 1 saves memory."""
    background_weight: Positive = 4.0
    """lambda of the reweighted loss: weight of background against particles."""
    sigma_per_radius: Positive = 0.5
    """Width of a target's Gaussian as a fraction of the particle's radius."""
    floor_targets: bool = False
    """Snap targets to output voxels as the paper writes it; costs accuracy."""
    centered_fraction: Fraction = 0.7
    """Fraction of labeled patches cut around a particle, classes in equal shares."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Adam's decoupled weight decay, no unit."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 autocast where the processor is fast at it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the GPU where there is one."""
    num_workers: Annotated[int, Field(ge=0)] | None = None
    """Processes that cut and augment patches beside the training; null: on a GPU one
    for each further core of the job, so that it need not wait, else 1, with up to four
    cores 0."""
    validate_every: Count = 500
    """Steps between evaluations on the validation tomograms, where there are any."""
    checkpoint_every: Count = 500
    """Steps between checkpoints."""
    checkpoint_minutes: Positive = 5.0
    """Minutes between checkpoints; whichever comes first."""
    augment: AugmentSettings = AugmentSettings()
    """How patches are changed."""

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size is {self.batch_size}, accumulate {self.accumulate};"
                f" expected a multiple of {self.accumulate} as batch_size"
            )
        return self


class BurnInSettings(Settings):
    """Supervised training on the labeled tomograms."""

    # What counts is the model that lies there.
    NOT_IN_KEY = frozenset({"start_from"})

    start_from: UserPath | None = None
    """A model of the same network to begin from, of whatever particles and stage; null:
    random weights."""
    steps: Count = 2000
    """Optimizer steps."""
    learning_rate: Positive = 1e-3
    """Peak learning rate; warms up, then falls along a cosine."""
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    """Steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the peak."""
    ema_decay: Fraction = 0.99
    """Decay of the averaged weights that become the burn-in's result; 0: the last."""


class CoTrainSettings(Settings):
    """Teacher-student training on labeled and unlabeled tomograms."""

    steps: Annotated[int, Field(ge=0)] = 2000
    """Optimizer steps."""
    learning_rate: Positive = 5e-4
    """Peak learning rate; warms up, then falls along a cosine."""
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    """Steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the peak."""
    mean_teacher: bool = True
    """Average the student into the teacher, which is the result; off: the teacher stays
    the burn-in's, and the student is the result."""
    ema_decay: Fraction = 0.995
    """1 - alpha of the teacher's moving average, per step."""
    multi_view: bool = True
    """Average the teacher over the identity and three flips (paper, Table 3)."""
    unlabeled_weight: Annotated[float, Field(ge=0)] = 1.0
    """w: weight of the unlabeled loss."""
    ramp_up_steps: Annotated[int, Field(ge=0)] = 200
    """Steps over which the unlabeled weight grows from 0."""
    pseudo_labels: Literal["heatmap", "picks"] = "heatmap"
    """heatmap: the teacher's averaged heatmap itself, as the paper has it; picks: its
    peaks above each class's threshold, drawn anew as targets."""
    doubt: Fraction = 0.5
    """From this fraction of a class's threshold on, a value without a pseudo-pick says
    nothing; below it is background. With pseudo_labels: picks."""
    min_f: Fraction = 0.1
    """A class whose burn-in reaches a lower F1 on the labeled tomograms gets no
    pseudo-labels: the teacher would teach it away. With pseudo_labels: picks."""
