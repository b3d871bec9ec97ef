"""Where the tomograms come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from picker.config.base import (
    WITH_PICKS,
    Contours,
    Count,
    Dimensions,
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
from picker.config.sources import (
    CopickSettings,
    FolderSettings,
    RelionSettings,
    WarpSettings,
)
from picker.core.messages import shown

MissingChunks = Literal["error", "fill"]
Source = Literal["table", "copick", "relion", "warp", "folder", "simulate"]
LISTED: tuple[Source, ...] = ("relion", "warp", "folder")
"""Sources whose tomograms are those that other programs have made so far."""


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
    expected: dict[str, Count] = Field(default_factory=dict)
    """With split partial: how many of each particle there should be, labeled ones
    included; of particles that are left out nobody knows."""
    voxel_size: Positive | None = None
    """Voxel size [Å], in place of the file's own."""
    tilt_pixel_size: Positive | None = None
    """Unbinned pixel size of its tilt series [Å]: to read picks of RELION 4 and 5, and
    in place of export.tilt_series_pixel_size."""
    mask: UserPath | None = None
    """Volume of the same shape; picks are kept only where it is above 0."""
    membranes: UserPath | None = None
    """Segmentation of its membranes, above 0 in them, for pick.context; of its shape,
    or of the same extent in other voxels."""
    even: UserPath | None = None
    """Reconstruction of the even frames, of the same shape and voxel size."""
    odd: UserPath | None = None
    """Reconstruction of the odd frames."""
    slab_z_low: Finite | None = None
    """z of the lower face of the lamella or the ice [Å]; picks below it are dropped."""
    slab_z_high: Finite | None = None
    """z of its upper face [Å]; picks above it are dropped."""
    outside: Outside = "drop_few"
    """As tomograms.outside; no column of the table."""
    contours: Contours | None = None
    """As tomograms.contours; no column of the table."""
    called: str | None = None
    """Name of the tomogram in the files of other programs, if it differs."""
    missing_chunks: MissingChunks = "error"
    """As tomograms.missing_chunks; no column of the table."""
    stacks_are_volumes: bool = False
    """As tomograms.stacks_are_volumes; no column of the table."""
    dimensions: Dimensions = 3
    """As tomograms.dimensions; no column of the table."""

    _name = field_validator("tomogram")(checked_name)
    _called = field_validator("called")(checked_called)

    @property
    def halves(self) -> tuple[Path, ...]:
        """The even and the odd half, or nothing."""
        return (self.even, self.odd) if self.even and self.odd else ()

    @property
    def made_from(self) -> tuple[Path, ...]:
        """The files that its volume, labels and mask are made from."""
        return (
            *(self.path, *self.picks),
            *([self.mask] if self.mask else []),
            *self.halves,
        )

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that any stage reads."""
        return (*self.made_from, *([self.membranes] if self.membranes else []))

    @model_validator(mode="before")
    @classmethod
    def _safe(cls, values: object) -> object:
        return with_safe_name(values, "tomogram")

    @field_validator("expected", mode="before")
    @classmethod
    def _counts(cls, value: object) -> object:
        return _expected_from_text(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _only_of_partial(self) -> Self:
        if self.expected and self.split != "partial":
            raise ValueError(
                f"tomogram {self.tomogram} is {self.split} and has expected numbers;"
                " expected them with split partial alone, leave expected empty"
            )
        return self

    @model_validator(mode="after")
    def _both_halves(self) -> Self:
        if (self.even is None) != (self.odd is None):
            there, missing = ("even", "odd") if self.even else ("odd", "even")
            raise ValueError(
                f"tomogram {self.tomogram} has an {there} half and no {missing} one;"
                f" expected both or neither, name the {missing} half's volume or leave"
                f" {there} empty"
            )
        if self.halves and len({self.path, *self.halves}) < 3:
            raise ValueError(
                f"tomogram {self.tomogram} has path {self.path}, even {self.even} and"
                f" odd {self.odd}; expected three files, the whole reconstruction and"
                " its halves, fix the one that is twice there"
            )
        return self

    @model_validator(mode="after")
    def _no_braces(self) -> Self:
        for path in self.files:
            if {"{", "}"} & set(str(path)):
                raise ValueError(
                    f"{path} has a brace in its name, which the workflow takes for a"
                    " placeholder; expected none, rename it or name a link to it here"
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
    def _labeled_has_picks(self) -> Self:
        if self.split in WITH_PICKS and not self.picks:
            raise ValueError(
                f"tomogram {self.tomogram} is {self.split} but has no picks; expected"
                " a file of picks, name it or change the split"
            )
        return self


def _expected_from_text(text: str) -> dict[str, int]:
    """Return particle: number of a cell such as `ribosome:2500; proteasome:unknown`."""
    expected = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, colon, number = (word.strip() for word in part.rpartition(":"))
        if number.lower() == "unknown" and colon:
            continue
        if not (name and number.isdecimal() and int(number)) or name in expected:
            raise ValueError(
                f"expected is {shown(text)}; expected particle:number, or"
                " particle:unknown, each particle once and apart by ';', such as"
                " ribosome:2500"
            )
        expected[name] = int(number)
    return expected


class TomogramsSettings(Settings):
    """Where the tomograms come from."""

    source: Source = "table"
    """Kind of source: table (a TSV file), copick (a Kaggle/copick folder), relion (a
    tomograms.star), warp (a WarpTools project), folder (all files of a pattern) or
    simulate (phantoms). docs/sources.md explains those of other programs."""
    dimensions: Dimensions = 3
    """What is to be picked: 3 is tomograms; 2 is micrographs, images or volumes of one
    slice, with the methods that find in those (docs/micrographs.md). A file of the
    other kind is an error. Wherever settings say tomogram, a micrograph is meant too.
    """
    table: UserPath = Path("tomograms.tsv")
    """With source table: TSV with the columns tomogram, path (MRC, EM, HDF5 or Zarr),
    split (labeled, partial, reviewed, unlabeled, validation, test or predict) and picks
    (files of known picks). Optional columns:
    - expected: with split partial, how many of each particle there should be, such as
      `ribosome:450; proteasome:unknown`; a number that is off by half costs little.
    - voxel_size: as below, for this tomogram alone [Å].
    - tilt_pixel_size: of the unbinned tilt series [Å]; to read picks of RELION 4.
    - mask: a volume; picks are kept where it is > 0, for instance off the carbon.
    - membranes: a segmentation, > 0 in membranes, for pick.context (docs/context.md).
    - even, odd: reconstructions of the even and of the odd frames (docs/halves.md).
    - slab_z_low, slab_z_high: z of the lamella's faces [Å]; picks between them are
      kept.
    - called: the tomogram's name in the files of other programs, read and written. A
      name with blanks, or with a sign at its beginning, need not be repeated here:
      `Position 4` in the column tomogram is Position_4 in our files.

    Voxels outside of mask and slab do not count for normalising or training, so their
    particles need no labels."""
    copick: CopickSettings = CopickSettings()
    """With source copick: a Kaggle/copick folder."""
    splits: UserPath | None = Path("splits.tsv")
    """With sources relion, warp and folder: TSV with the columns tomogram and split,
    and any of the table's but path, even and odd, for the tomograms that are used for
    more than picking. null: there are none."""
    others: Literal["predict", "unlabeled", "leave_out"] = "predict"
    """Split of the tomograms that the file of splits does not name; leave_out: they are
    not used. With unlabeled each new one trains again."""
    picks: dict[Split, UserPath] = Field(default_factory=dict)
    """With the same sources, for each split the known picks of its tomograms that have
    none in the file of splits: one file with the picks of all, or a folder of files
    whose names begin with the tomogram's; for instance {labeled: picks/ribosome.star}.
    """
    settle: Annotated[float, Field(ge=0)] = 60
    """With sources warp and folder: seconds for which a file must not have changed.
    Younger ones are left for the next run, as they may be half written."""
    relion: RelionSettings = RelionSettings()
    """With source relion: RELION's tomograms."""
    warp: WarpSettings = WarpSettings()
    """With source warp: a WarpTools project."""
    folder: FolderSettings = FolderSettings()
    """With source folder: files of a pattern."""
    voxel_size: Positive | None = None
    """Voxel size of every file [Å], if that in the files is wrong; null: as in the
    files."""
    outside: Outside = "drop_few"
    """Known picks outside of their tomogram:
    - drop_few: if one of them, or up to a tenth, lie just outside, they are left out
      with a warning; more are an error.
    - drop: all are left out.
    - error: any is an error."""
    contours: Contours | None = None
    """Meaning of IMOD contours with several points, in objects that are not of
    scattered points: points (each is a pick) or middles (one pick in the middle of each
    contour). null: an error, because they may be outlines."""
    missing_chunks: MissingChunks = "error"
    """Chunks that are missing in a Zarr or HDF5 volume. error: the volume is damaged,
    as after an interrupted copy; fill: the program left them out because they are empty
    (zarr 3 does so by default), and they are read as the file's fill value."""
    stacks_are_volumes: bool = False
    """Whether MRC files whose header or name says that they are stacks of images, such
    as tilt series, are read as tomograms all the same."""
    shard_size: Count = 32
    """Number of tomograms that one job preprocesses or predicts; a larger one means
    fewer jobs. Snakemake is slow at choosing among many: 256 for 500,000 tomograms."""

    @model_validator(mode="after")
    def _source_has_micrographs(self) -> Self:
        if self.dimensions == 2 and self.source in ("copick", "relion", "warp"):
            raise ValueError(
                f"dimensions is 2 and source is {self.source}, which has tomograms"
                " alone; expected the micrographs in a table or a folder, set source:"
                " table or folder"
            )
        return self
