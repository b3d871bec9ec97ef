"""Settings of the network and its training."""

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
from picker.config.loss import LossSettings
from picker.config.plateau import PlateauSettings

if TYPE_CHECKING:
    from picker.config.methods import NetworkName


# No network is larger, and a file with huge numbers would take long to read.
Width = Annotated[int, Field(ge=1, le=4096)]
Blocks = Annotated[int, Field(ge=1, le=100)]
Stages = Field(max_length=8)


class ModelSettings(Settings):
    """The network. vnet, deepfindet and tomopicker use only preset and dropout."""

    preset: Literal["small", "full"] = "full"
    """Size of the network. full: as published (semietpicker: widths of ResNet-34, 73
    million parameters); small: can be trained on a CPU."""
    widths: Annotated[tuple[Width, ...], Stages] | None = None
    """Channels of each encoder stage, such as [16, 32, 64]; null: the preset's."""
    blocks: Annotated[tuple[Blocks, ...], Stages] | None = None
    """Residual blocks of each encoder stage, such as [2, 2, 2]; null: the preset's."""
    stem_pool: bool | None = None
    """Whether max-pooling halves the resolution after the stem, as in ResNet; null: the
    preset's."""
    dropout: Fraction = 0.0
    """Probability, in 0..1, that a channel is dropped before the last layer; in vnet at
    each skip connection, in deepfindet_published a voxel behind each level."""

    @model_validator(mode="after")
    def _one_width_a_stage(self) -> Self:
        widths, blocks, _ = self.architecture
        if len(widths) != len(blocks):
            raise ValueError(
                f"model.widths has {len(widths)} stages, model.blocks {len(blocks)};"
                " expected the same number, fix one"
            )
        return self

    def alignment(self, network: NetworkName) -> int:
        """Return the deepest stride of a network [voxels]."""
        own = {"vnet": 16, "deepfindet": 4, "deepfindet_published": 4, "resunet": 8}
        if network in own:
            return own[network]
        widths, _, stem_pool = self.architecture
        return int(2 ** (len(widths) + stem_pool))

    @property
    def architecture(self) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
        """Widths, blocks and stem pool, with the preset's in place of null."""
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
    """Rotate labeled and unlabeled patches about z by multiples of 90 degrees."""
    intensity: Fraction = 0.5
    """Probability of each change of intensity, in 0..1; 0: none."""
    labeled_intensity: bool = True
    """Change the intensity of labeled patches too, not only of unlabeled ones."""
    restandardise: bool = False
    """For experiments. Give a patch back its mean and standard deviation after changes
    of intensity, as every tomogram is normalised; changes of scale and shift are then
    undone, and noise lowers the contrast of the particles."""
    dropblock: bool = False
    """Hide small blocks of the student's unlabeled patches (paper, table 3). On
    phantoms it has not paid (docs/accuracy.md); method semietpicker_paper does it."""
    dropblock_rate: Fraction = 0.1
    """Mean fraction of voxels that are hidden, in 0..1."""
    dropblock_size: Annotated[int, Field(ge=1)] = 3
    """Edge of a hidden block [voxels], odd; smaller than a particle."""

    real_noise: Fraction = 0.0
    """Probability, in 0..1, that a labeled patch, or the student's view of an unlabeled
    one, gets noise on top: a part of the noise of any tomogram with halves that the
    stage trains on (docs/halves.md, with what it gained)."""
    real_noise_factor: Positive = 1.5
    """With real_noise: the noise is multiplied by a random number from 0 to this; 1 is
    the noise by which a half differs from its tomogram."""

    @field_validator("dropblock_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(
                f"dropblock_size is {value}; expected an odd number, change it"
            )
        return value

    def as_published(self, *, dropblock: bool) -> Self:
        """Return them with nothing that the paper lacks."""
        published = {"restandardise": False, "real_noise": 0.0}
        return self.model_copy(update=published | {"dropblock": dropblock})


class TrainSettings(Settings):
    """Settings that all trainings share."""

    # The same seed gives the same weights only on the same machine. So `device` is no
    # more part of the result than the machine is, nor is `resident`: patches have the
    # same distribution, of other random numbers.
    NOT_IN_KEY = frozenset(
        {
            "device",
            "num_workers",
            "resident",
            "validate_every",
            "checkpoint_every",
            "checkpoint_minutes",
        }
    )

    seed: int = 0
    """Seed of all random numbers; the same seed gives the same weights on the same
    machine."""
    patch_zyx: ShapeZYX = (90, 90, 90)
    """Size of a training patch [voxels], z, y, x, reduced to the smallest tomogram. In
    the paper [90, 90, 90]."""
    batch_size: Count = 2
    """Number of labeled patches in a step; co-training adds as many unlabeled ones."""
    accumulate: Count = 1
    """Number of parts in which a batch is computed, one after the other. With 2 the
    patches take half of the GPU's memory (the network and Adam's averages take as much
    as before). A step follows the mean of the parts' losses, each with its own batch
    statistics and class weights, so it differs slightly from a step with 1. Must divide
    batch_size."""
    background_weight: Positive = 4.0
    """λ of the loss, no unit: weight of the background relative to the particles."""
    sigma_per_radius: Positive = 0.5
    """Width (σ) of a target's Gaussian as a fraction of the particle's radius."""
    floor_targets: bool = False
    """Move targets to whole output voxels, as the paper writes; less accurate."""
    centered_fraction: Fraction = 0.7
    """Fraction of labeled patches, in 0..1, that are cut around a particle, equally
    often for each class; the others may lie anywhere."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Adam's decoupled weight decay, no unit."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of convolutions: bfloat16, float32, or auto (bfloat16 if the processor
    is fast at it and it is safe)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train: cpu, cuda, or auto (the GPU if there is one)."""
    num_workers: Annotated[int, Field(ge=0)] | None = None
    """Number of processes that cut and augment patches beside the training. null: on a
    GPU, one for each further core of the job, of which 4 are enough with `resident`; on
    a CPU 1, or 0 with four cores or fewer."""
    resident: Literal["auto", "never"] = "auto"
    """Whether the tomograms lie in the GPU's memory while it trains, and patches are
    cut and augmented there: auto (if they take at most half of it; a tomogram of
    184x630x630 voxels takes 0.15 GB, and its halves' noise, if used, as much) or
    never. Without a GPU it does nothing."""
    validate_every: Count = 500
    """Steps between evaluations on the validation tomograms, if there are any."""
    checkpoint_every: Count = 500
    """Most steps between checkpoints, from which an interrupted training continues."""
    checkpoint_minutes: Positive = 5.0
    """Most minutes between checkpoints."""
    augment: AugmentSettings = AugmentSettings()
    """How patches are changed before the network sees them."""
    loss: LossSettings = LossSettings()
    """What training minimises where a network predicts heatmaps; for experiments."""

    @model_validator(mode="after")
    def _parts_are_equal(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size is {self.batch_size} and accumulate {self.accumulate};"
                f" expected a multiple of {self.accumulate} as batch_size, change one"
            )
        return self


class BurnInSettings(Settings):
    """First stage, burn-in: supervised, on the labeled tomograms."""

    # The model in this file counts, not its path.
    NOT_IN_KEY = frozenset({"start_from"})

    start_from: UserPath | None = None
    """Model to start from: results/<method>/models/<stage>.safetensors of another
    project with the same model settings and about the same voxel size; its particles
    may be others. null: random weights."""
    steps: Count = 5000
    """Number of optimizer steps; on real data some thousands."""
    learning_rate: Positive = 1e-3
    """Highest learning rate, no unit, reached after the warm-up; then it falls along a
    cosine."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Number of steps of linear warm-up."""
    final_learning_rate: Fraction = 0.05
    """Learning rate of the last step as a fraction of the highest."""
    plateau: PlateauSettings = PlateauSettings()
    cosine_steps: Count | None = None
    """For experiments. Step at which the cosine ends; beyond `steps`, burn-in stops on
    the way, and co-training may continue with co_train.schedule. null: the last step.
    Methods of one stage ignore it."""
    ema_decay: Fraction = 0.99
    """Decay per step of the averaged weights, which are the result; 0: no average, the
    last weights are the result."""
