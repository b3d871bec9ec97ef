"""Every setting, typed and validated; config.yaml is the manual for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from picker.methods import METHODS, Method, NetworkName

Split = Literal["labeled", "unlabeled", "validation", "test", "predict"]
SPLITS: tuple[Split, ...] = ("labeled", "validation", "unlabeled", "test", "predict")
Target = Literal[
    "relion5",
    "relion4",
    "relion3",
    "warp",
    "copick",
    "kaggle",
    "portal",
    "imod",
    "dynamo",
    "tomotwin",
    "cbox",
    "eman2",
]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
ShapeZYX = tuple[Count, Count, Count]

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def checked_name(name: str) -> str:
    """Return a tomogram's or particle's name if it is safe as a file's name.

    Raises
    ------
    ValueError
        If it has anything but letters, digits, '.', '_' and '-', or begins
        with a sign: such a name could leave the results folder or break a shell.
    """
    if not NAME_PATTERN.fullmatch(name) or len(name) > 200:
        raise ValueError(
            f"name {name!r} cannot be used: expected letters, digits, '.', '_' and"
            " '-', beginning with a letter or digit, at most 200; rename it"
        )
    return name


class Settings(BaseModel):
    """A section of config.yaml: unknown keys are errors, values do not change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset()
    """Fields that change how or where a result is made, or shown, but not the result:
    whoever changes them keeps hours of training and prediction."""

    def key(self) -> str:
        """Return what results depend on, as text, to tell whether one still holds."""
        return self.model_dump_json(exclude=set(self.NOT_IN_KEY))


class Particle(Settings):
    """One class of particles."""

    NOT_IN_KEY = frozenset({"weight", "color"})

    name: str
    """Written into every file of picks."""
    radius: Positive
    """Radius of the particle [Å]: sets target width, peak distance and matching."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight in the Kaggle score, no unit; 0 leaves the class out of it."""
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#e6194b"
    """Color in pictures, #rrggbb."""

    _name = field_validator("name")(checked_name)


class TomogramRow(Settings):
    """One row of the tomogram table."""

    tomogram: str
    """Name of the tomogram."""
    path: Path
    """The volume: an MRC, EM or HDF5 file, or a Zarr folder."""
    split: Split
    """What the tomogram is used for."""
    picks: tuple[Path, ...] = ()
    """Files of known picks: for training, calibration or evaluation by split."""
    voxel_size: Positive | None = None
    """Overrides the file's own voxel size [Å]."""
    tilt_pixel_size: Positive | None = None
    """Unbinned pixel size of its tilt series [Å]: to read picks of RELION 4 and 5, and
    in place of export.tilt_series_pixel_size."""
    mask: Path | None = None
    """Volume of the same shape; picks are kept where it is above 0."""
    slab_z_low: Finite | None = None
    """z of the lamella's or the ice's lower face [Å]; picks below are dropped."""
    slab_z_high: Finite | None = None
    """z of its upper face [Å]."""

    _name = field_validator("tomogram")(checked_name)

    @model_validator(mode="after")
    def _no_braces(self) -> Self:
        for path in (self.path, *self.picks, *([self.mask] if self.mask else [])):
            if {"{", "}"} & set(str(path)):
                raise ValueError(
                    f"{path} has a brace in its name, which the workflow takes for a"
                    " placeholder; rename it, or name a link to it here"
                )
        return self

    @model_validator(mode="after")
    def _low_below_high(self) -> Self:
        low, high = self.slab_z_low, self.slab_z_high
        if low is not None and high is not None and low >= high:
            raise ValueError(
                f"slab_z_low is {low:g} Å and slab_z_high {high:g} Å; expected the"
                " lower face first, swap them"
            )
        return self

    @model_validator(mode="after")
    def _labels_are_there(self) -> Self:
        if self.split in ("labeled", "validation") and not self.picks:
            raise ValueError(
                f"tomogram {self.tomogram} is {self.split} but has no picks;"
                " name its file of picks or change its split"
            )
        return self


class CopickSettings(Settings):
    """A Kaggle/copick project folder."""

    root: Path = Path("static")
    """Folder that holds ExperimentRuns/<tomogram>/VoxelSpacing<v>/<type>.zarr."""
    voxel_spacing: str = "10.000"
    """Name of the VoxelSpacing folder; the true size is read from the volume [Å]."""
    tomogram_type: str = "denoised"
    """Name of the volume: <tomogram_type>.zarr."""
    splits: Path = Path("splits.tsv")
    """Table with the columns tomogram and split."""
    picks: dict[Split, Path] = {}
    """Split: folder of ExperimentRuns/<tomogram>/Picks/*.json with its picks."""


class TomogramsSettings(Settings):
    """Where the tomograms come from."""

    source: Literal["table", "copick", "simulate"] = "table"
    """A TSV table, a Kaggle/copick folder, or the simulator."""
    table: Path = Path("tomograms.tsv")
    """TSV: tomogram, path, split, picks, optional voxel_size [Å], tilt_pixel_size [Å],
    mask, slab_z_low [Å] and slab_z_high [Å]."""
    copick: CopickSettings = CopickSettings()
    """Read with source: copick."""
    voxel_size: Positive | None = None
    """Overrides the voxel size of every file [Å]; null trusts the files."""
    shard_size: Count = 32
    """Tomograms preprocessed or predicted by one job."""


class SimulateSettings(Settings):
    """Phantom tomograms for the demo and tests; never to be called real data."""

    labeled: Annotated[int, Field(ge=0)] = 2
    """Number of labeled tomograms."""
    unlabeled: Annotated[int, Field(ge=0)] = 6
    """Number of unlabeled tomograms."""
    validation: Annotated[int, Field(ge=0)] = 0
    """Number of validation tomograms."""
    test: Annotated[int, Field(ge=0)] = 3
    """Number of test tomograms, with truth for evaluation alone."""
    shape_zyx: ShapeZYX = (48, 160, 160)
    """Size of each tomogram [voxels], z, y, x."""
    voxel_size: Positive = 10.0
    """Edge of a voxel [Å]."""
    particles_per_class: Positive = 12.0
    """Mean number of particles of each class in a tomogram."""
    snr: tuple[Positive, Positive] = (0.5, 1.5)
    """Lowest and highest signal-to-noise ratio (variance of signal over noise)."""
    missing_wedge: Annotated[float, Field(ge=0, lt=90)] = 30.0
    """Half-angle of the missing wedge about y [degrees]."""
    seed: int = 1
    """Same seed, same tomograms."""


class PreprocessSettings(Settings):
    """From a file as it came to a normalised volume."""

    clip: Literal["sigma", "percentile", "none"] = "sigma"
    """How outliers such as gold beads are clipped before normalising."""
    clip_sigma: Positive = 3.0
    """With clip sigma: cut at this many standard deviations from the mean."""
    clip_percentiles: tuple[Fraction, Fraction] = (0.001, 0.999)
    """With clip percentile: the lowest and highest fraction that is kept."""
    target_voxel_size: Positive | None = None
    """Rescale to this voxel size [Å] by cropping in Fourier space; null keeps it."""
    particles_are: Literal["dark", "light"] = "dark"
    """Contrast of the particles in the files; light ones are inverted."""
    avoid_gold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Leave out what is within this distance of a gold bead's surface [Å]; null: beads
    are not looked for."""
    gold_diameter: Positive = 50.0
    """A blob with a smaller volume than a ball of this diameter is no bead [Å]."""
    gold_sigma: Positive = 8.0
    """A bead's voxels are all so many robust standard deviations from the median."""

    @field_validator("clip_percentiles")
    @classmethod
    def _low_below_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("expected the lower fraction first, as [0.001, 0.999]")
        return value


class ModelSettings(Settings):
    """The network; the methods vnet and deepfindet take preset and dropout alone."""

    preset: Literal["small", "full"] = "full"
    """full: as published (ResNet-34 widths, about 73 M parameters, unless the method
    has a network of its own); small: trains on a CPU."""
    widths: tuple[Count, ...] | None = None
    """Channels of each encoder stage; null takes the preset's."""
    blocks: tuple[Count, ...] | None = None
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
    for each further core of the job, so that it need not wait, else 1."""
    validate_every: Count = 500
    """Steps between evaluations on the validation tomograms, where there are any."""
    checkpoint_every: Count = 500
    """Steps between checkpoints."""
    checkpoint_minutes: Positive = 5.0
    """Minutes between checkpoints; whichever comes first."""
    augment: AugmentSettings = AugmentSettings()
    """How patches are changed."""


class BurnInSettings(Settings):
    """Supervised training on the labeled tomograms."""

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
    """Average the student into the teacher; off: the teacher stays the burn-in's."""
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


class PredictSettings(Settings):
    """From tomogram to candidates."""

    NOT_IN_KEY = frozenset({"device"})

    window_zyx: ShapeZYX = (192, 352, 352)
    """Largest part of a tomogram that the network sees at once [voxels]."""
    halo: Annotated[int, Field(ge=0, multiple_of=2)] = 24
    """What a window sees beyond what is kept of it, at cut faces [voxels]."""
    flips: bool = True
    """Average over the identity and flips along z, y and x."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 autocast where the processor is fast at it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the GPU where there is one."""
    min_score: Fraction = 0.05
    """Candidates below this score are not kept at all."""
    nms_per_radius: Positive = 0.5
    """Edge of the max-pool kernel as a fraction of the particle's radius."""


class PickSettings(Settings):
    """From candidates to picks; changing it neither trains nor predicts again."""

    thresholds: dict[str, Fraction] = {}
    """Particle: score; overrides the calibrated threshold."""
    min_distance_per_radius: Annotated[float, Field(ge=0)] = 1.0
    """No two picks of a class closer than this fraction of the radius."""
    edge_margin: Annotated[float, Field(ge=0)] = 0.0
    """Picks nearer to a face of the tomogram than this are dropped [Å]."""


class CalibrateSettings(Settings):
    """How thresholds are chosen; test tomograms are never looked at."""

    beta: Positive = 1.0
    """Thresholds maximise F-beta: 1 balances, 4 prefers recall as Kaggle does."""
    distance_per_radius: Positive = 0.5
    """A pick within this fraction of the radius of a known particle is right."""
    noisy_copies: Annotated[int, Field(ge=0)] = 3
    """Copies of each labeled tomogram with noise added that are calibrated on as well,
    where there are no validation tomograms."""
    noise: Positive = 0.7
    """Standard deviation of that noise, as a fraction of the tomogram's own."""


class EvaluateSettings(Settings):
    """How picks are held against the truth."""

    distances_per_radius: Annotated[tuple[Positive, ...], Field(min_length=1)] = (
        0.5,
        0.75,
    )
    """Match radii as fractions of the particle's radius."""


class ExportSettings(Settings):
    """What the next program needs to know."""

    targets: tuple[Target, ...] = (
        "relion5",
        "relion4",
        "relion3",
        "warp",
        "copick",
        "kaggle",
    )
    """Which formats to write."""
    tilt_series_pixel_size: Positive | None = None
    """Unbinned pixel size of the tilt series [Å], where the table has none; null: the
    tomogram's voxel size."""
    tomograms_star: Path | None = None
    """RELION's tomograms.star: pixel size and unbinned size of every tilt series, in
    place of both the above and the table's, for RELION 4 and 5."""
    user_id: str = "picker"
    """User in copick's file names."""
    session_id: str = "1"
    """Session in copick's file names."""
    relion5_centre: Literal["size/2", "size/2-1"] = "size/2"
    """Origin of RELION 5's centred coordinates."""

    _ids = field_validator("user_id", "session_id")(checked_name)


class ReportSettings(Settings):
    """What the report shows."""

    max_pictures: Annotated[int, Field(ge=0)] = 50
    """Tomograms drawn with their picks; the rest are counted only."""


class BenchmarkSettings(Settings):
    """Which trainings `snakemake benchmark` compares: each with each."""

    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = tuple(METHODS)
    """What is compared."""
    labeled: Annotated[tuple[Count, ...], Field(min_length=1)] = (2, 5)
    """Numbers of labeled tomograms, the first of the table."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (
        0,
        1,
        2,
    )
    """Takes the place of train.seed; tables show mean and spread over them."""
    unlabeled: Count | None = None
    """Number of unlabeled tomograms, the first of the table; null: all."""
    repeats: Count = 3
    """Times that a tomogram is predicted to measure how long it takes."""


class Config(Settings):
    """All of config.yaml."""

    method: Method = "semietpicker"
    """What is trained: SemiETPicker, or a baseline; `methods.METHODS` has them all."""
    particles: Annotated[tuple[Particle, ...], Field(min_length=1)]
    """What to find."""
    tomograms: TomogramsSettings = TomogramsSettings()
    """Where to find it."""
    simulate: SimulateSettings = SimulateSettings()
    """Read with tomograms.source: simulate."""
    preprocess: PreprocessSettings = PreprocessSettings()
    """Clip, normalise, rescale."""
    model: ModelSettings = ModelSettings()
    """The network."""
    train: TrainSettings = TrainSettings()
    """Shared by both training stages."""
    burn_in: BurnInSettings = BurnInSettings()
    """The first training stage."""
    co_train: CoTrainSettings = CoTrainSettings()
    """The second training stage."""
    predict: PredictSettings = PredictSettings()
    """Windows and peaks."""
    calibrate: CalibrateSettings = CalibrateSettings()
    """Scores to thresholds."""
    pick: PickSettings = PickSettings()
    """Candidates to picks."""
    evaluate: EvaluateSettings = EvaluateSettings()
    """Picks against truth."""
    export: ExportSettings = ExportSettings()
    """Picks for other programs."""
    report: ReportSettings = ReportSettings()
    """One page to look at."""
    benchmark: BenchmarkSettings = BenchmarkSettings()
    """Methods side by side; read by `snakemake benchmark` alone."""

    @model_validator(mode="after")
    def _windows_hold_the_network(self) -> Self:
        least = 2 * self.model.alignment(METHODS[self.method].network)
        if min(self.predict.window_zyx) < least:
            raise ValueError(
                f"predict.window_zyx is {list(self.predict.window_zyx)}; this model's"
                f" strides need at least {least} voxels along each axis"
            )
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = [p.name for p in self.particles]
        if len(set(names)) < len(names):
            raise ValueError(f"particles have a name twice: {', '.join(names)}")
        if "mean" in names:
            raise ValueError("no particle can be called mean: metrics.json uses it")
        unknown = set(self.pick.thresholds) - set(names)
        if unknown:
            raise ValueError(
                f"pick.thresholds names {', '.join(sorted(unknown))};"
                f" expected some of {', '.join(names)}"
            )
        return self


def explained(error: Any) -> str:
    """Return a pydantic error as lines a user can act on: key, reason, value."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "config"
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = "unknown setting; see config.yaml for those there are"
        got = problem.get("input")
        shown = "" if isinstance(got, dict | BaseModel) else f" (got {got!r})"
        lines.append(f"  {key}: {reason}{shown}")
    return "\n".join(lines)
