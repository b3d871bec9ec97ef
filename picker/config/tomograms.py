"""Where the tomograms come from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from picker.config.base import (
    Contours,
    Count,
    Finite,
    Outside,
    Positive,
    Settings,
    Split,
    UserPath,
    checked_called,
    checked_name,
)
from picker.config.names import with_safe_name

MissingChunks = Literal["error", "fill"]


class TomogramRow(Settings):
    """One row of the tomogram table."""

    tomogram: str
    """Name of the tomogram."""
    path: UserPath
    """The volume: an MRC, EM or HDF5 file, or a Zarr folder."""
    split: Split
    """What the tomogram is used for."""
    picks: tuple[UserPath, ...] = ()
    """Files of known picks: for training, calibration or evaluation, by split."""
    voxel_size: Positive | None = None
    """Voxel size in place of the file's own [Å]."""
    tilt_pixel_size: Positive | None = None
    """Unbinned pixel size of its tilt series [Å]: to read picks of RELION 4 and 5, and
    in place of export.tilt_series_pixel_size."""
    mask: UserPath | None = None
    """Volume of the same shape; picks are kept where it is above 0."""
    slab_z_low: Finite | None = None
    """z of the lower face of the lamella or the ice [Å]; picks below it are dropped."""
    slab_z_high: Finite | None = None
    """z of its upper face [Å]; picks above it are dropped."""
    outside: Outside = "drop_few"
    """As tomograms.outside; no column of the table."""
    contours: Contours | None = None
    """As tomograms.contours; no column of the table."""
    called: str | None = None
    """Name of the tomogram in the files of other programs, where it is another one."""
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
    """With source copick: a Kaggle/copick project folder."""

    root: UserPath = Path("static")
    """Folder that holds ExperimentRuns/<tomogram>/VoxelSpacing<v>/<type>.zarr."""
    voxel_spacing: str = "10.000"
    """<v>: the folder's name, quoted; the true voxel size [Å] is read from the
    volume."""
    tomogram_type: str = "denoised"
    """<type>: which reconstruction."""
    splits: UserPath = Path("splits.tsv")
    """TSV with the columns tomogram and split."""
    picks: dict[Split, UserPath] = Field(default_factory=dict)
    """Split: folder that holds ExperimentRuns/<tomogram>/Picks/*.json; for instance
    {labeled: overlay, test: truth}."""
    user_id: str | tuple[str, ...] | None = None
    """Whose files <user>_<session>_<object>.json are read, one user or a list: there
    may be picks of a program beside those of a curator. null: those of several are an
    error that lists them. <object>.json is anybody's. Of each object a tomogram has one
    file."""
    session_id: str | None = None
    """Session whose files are read, quoted; null as for user_id."""

    _names = field_validator("voxel_spacing", "tomogram_type")(checked_name)


class TomogramsSettings(Settings):
    """Where the tomograms come from."""

    source: Literal["table", "copick", "simulate"] = "table"
    """table: a TSV file; copick: a Kaggle/copick folder; simulate: phantoms."""
    table: UserPath = Path("tomograms.tsv")
    """With source table: TSV with the columns tomogram, path (MRC, EM, HDF5 or Zarr),
    split (labeled, unlabeled, validation, test or predict) and picks (files of known
    picks). Further columns may be left out:
    - voxel_size: as below, for this tomogram alone [Å].
    - tilt_pixel_size: of the unbinned tilt series [Å]; to read picks of RELION 4.
    - mask: a volume; picks are kept where it is > 0, for instance off the carbon.
    - slab_z_low, slab_z_high: z of the lamella's faces [Å]; picks between them are
      kept.
    - called: the tomogram's name in the files of other programs, read and written. A
      name with blanks or a sign at its beginning is that by itself: `Position 4` is
      Position_4 here.

    What mask and slab leave out counts neither for normalising nor for training: nobody
    needs to look for particles there."""
    copick: CopickSettings = CopickSettings()
    """With source copick: a Kaggle/copick folder."""
    voxel_size: Positive | None = None
    """Voxel size of every file [Å], where the files' own is wrong; null trusts them."""
    outside: Outside = "drop_few"
    """Known picks outside of their tomogram:
    - drop_few: one, or up to a tenth, that lie just outside are left out with a
      warning; more are an error.
    - drop: all are left out.
    - error: any is an error."""
    contours: Contours | None = None
    """In IMOD models, contours of several points in objects that are not of scattered
    points: points (each is a pick) or middles (one pick in each contour's middle);
    null: an error, for they may be outlines."""
    missing_chunks: MissingChunks = "error"
    """Chunks that a Zarr or HDF5 volume lacks. error: it is damaged, as after a copy
    that was cut short; fill: programs leave them out because they are empty (zarr 3
    does so by default), and they are read as the fill value that the file names."""
    stacks_are_volumes: bool = False
    """true: MRC files whose header or name calls them stacks of images, as tilt series
    are, are tomograms all the same."""
    shard_size: Count = 32
    """Tomograms that one job preprocesses or predicts; larger means fewer jobs."""
