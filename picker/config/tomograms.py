"""What to look for and where: particles, tomograms, phantoms, preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from picker.config.base import (
    MISSING,
    Contours,
    Count,
    Finite,
    Fraction,
    Outside,
    Positive,
    Settings,
    ShapeZYX,
    Split,
    UserPath,
    checked_called,
    checked_name,
)
from picker.config.names import with_safe_name

MissingChunks = Literal["error", "fill"]


class Particle(Settings):
    """One class of particles."""

    # A density map shapes phantoms; the volumes that come of it count where it matters.
    NOT_IN_KEY = frozenset({"weight", "color", "density", "called"})

    name: str
    """Written into every file of picks, and in the names of files."""
    radius: Annotated[float, Field(ge=0.1, le=100_000)]
    """Radius of the particle [Å]: sets target width, peak distance and matching."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight in the Kaggle score, no unit; 0 leaves the class out of it."""
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#e6194b"
    """Color in pictures, #rrggbb; those of config.yaml without one get each its own."""
    density: UserPath | None = None
    """Density map of the particle, light on dark, that phantoms are made from."""

    called: str | None = None
    """Its name in the files of other programs, where that is another."""

    _name = field_validator("name")(checked_name)
    _called = field_validator("called")(checked_called)

    @model_validator(mode="before")
    @classmethod
    def _safe(cls, values: object) -> object:
        return with_safe_name(values, "name")

    @property
    def own_name(self) -> str:
        """What other programs call it."""
        return self.called or self.name

    @field_validator("name")
    @classmethod
    def _is_no_missing_value(cls, name: str) -> str:
        if name.lower() in MISSING:
            raise ValueError(
                f"no particle can be called {name}: readers of tables take that word"
                " for a missing value; rename it"
            )
        return name


class TomogramRow(Settings):
    """One row of the tomogram table."""

    tomogram: str
    """Name of the tomogram."""
    path: UserPath
    """The volume: an MRC, EM or HDF5 file, or a Zarr folder."""
    split: Split
    """What the tomogram is used for."""
    picks: tuple[UserPath, ...] = ()
    """Files of known picks: for training, calibration or evaluation by split."""
    voxel_size: Positive | None = None
    """Overrides the file's own voxel size [Å]."""
    tilt_pixel_size: Positive | None = None
    """Unbinned pixel size of its tilt series [Å]: to read picks of RELION 4 and 5, and
    in place of export.tilt_series_pixel_size."""
    mask: UserPath | None = None
    """Volume of the same shape; picks are kept where it is above 0."""
    slab_z_low: Finite | None = None
    """z of the lamella's or the ice's lower face [Å]; picks below are dropped."""
    slab_z_high: Finite | None = None
    """z of its upper face [Å]."""
    outside: Outside = "drop_few"
    """What becomes of known picks outside of the tomogram."""
    contours: Contours | None = None
    """What is a pick in contours of several points."""
    called: str | None = None
    """Its name in the files of other programs, where that is another."""
    missing_chunks: MissingChunks = "error"
    """As tomograms.missing_chunks; no column of the table."""
    stacks_are_volumes: bool = False
    """As tomograms.stacks_are_volumes; no column of the table."""

    _name = field_validator("tomogram")(checked_name)
    _called = field_validator("called")(checked_called)

    @model_validator(mode="before")
    @classmethod
    def _safe(cls, values: object) -> object:
        return with_safe_name(values, "tomogram")

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

    root: UserPath = Path("static")
    """Folder that holds ExperimentRuns/<tomogram>/VoxelSpacing<v>/<type>.zarr."""
    voxel_spacing: str = "10.000"
    """Name of the VoxelSpacing folder; the true size is read from the volume [Å]."""
    tomogram_type: str = "denoised"
    """Name of the volume: <tomogram_type>.zarr."""
    splits: UserPath = Path("splits.tsv")
    """Table with the columns tomogram and split."""
    picks: dict[Split, UserPath] = Field(default_factory=dict)
    """Split: folder of ExperimentRuns/<tomogram>/Picks/*.json with its picks."""
    user_id: str | tuple[str, ...] | None = None
    """Whose picks are read where several users have some; null: there is but one."""
    session_id: str | None = None
    """Of which session; null: there is but one."""

    _names = field_validator("voxel_spacing", "tomogram_type")(checked_name)


class TomogramsSettings(Settings):
    """Where the tomograms come from."""

    source: Literal["table", "copick", "simulate"] = "table"
    """A TSV table, a Kaggle/copick folder, or the simulator."""
    table: UserPath = Path("tomograms.tsv")
    """TSV: tomogram, path, split, picks, optional voxel_size [Å], tilt_pixel_size [Å],
    mask, slab_z_low [Å], slab_z_high [Å] and called."""
    copick: CopickSettings = CopickSettings()
    """Read with source: copick."""
    voxel_size: Positive | None = None
    """Overrides the voxel size of every file [Å]; null trusts the files."""
    outside: Outside = "drop_few"
    """Known picks outside of a tomogram: drop_few leaves a few out that lie just
    outside, drop all of them, error none."""
    contours: Contours | None = None
    """IMOD contours of several points that are not scattered: each of their points is a
    pick, or each contour's middle; null refuses them."""
    missing_chunks: MissingChunks = "error"
    """Chunks that a Zarr or HDF5 volume lacks: damage, or the store's fill value."""
    stacks_are_volumes: bool = False
    """Read MRC files whose header or name calls them stacks of images."""
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
    clustering: Fraction = 0.0
    """Fraction of particles placed beside one of their class rather than anywhere."""
    membranes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Mean number of vesicles in a tomogram; particles keep off their membranes."""
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
    whiten: bool = False
    """Give all frequencies the same power, before clipping."""
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
