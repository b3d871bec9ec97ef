"""Projects that tomograms are read from in place, in place of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from picker.config.base import Positive, Settings, Split, UserPath, checked_name
from picker.core.messages import shown

NAME = "{name}"
"""What stands for a tomogram's name in a pattern of files."""


def named_pattern(pattern: str | None) -> str | None:
    """Return a pattern of files if it says where a tomogram's name stands.

    Raises
    ------
    ValueError
        If it has no `{name}`.
    """
    if pattern is not None and NAME not in pattern:
        raise ValueError(
            f"the pattern {shown(pattern)} has no {NAME}; expected it where the"
            " tomogram's name stands, as in rec/{name}.mrc"
        )
    return pattern


class CopickSettings(Settings):
    """With source copick: a Kaggle/copick project folder."""

    root: UserPath = Path("static")
    """Folder with ExperimentRuns/<tomogram>/VoxelSpacing<v>/<type>.zarr."""
    voxel_spacing: str = "10.000"
    """<v> as in the folder's name, quoted; the true voxel size [Å] is read from the
    volume."""
    tomogram_type: str = "denoised"
    """<type> of reconstruction."""
    even_type: str | None = None
    """<type> of reconstruction of the even frames; null: there is none."""
    odd_type: str | None = None
    """<type> of reconstruction of the odd frames; null: there is none."""
    splits: UserPath = Path("splits.tsv")
    """TSV with the columns tomogram and split, and expected, which may be left out."""
    picks: dict[Split, UserPath] = Field(default_factory=dict)
    """For each split, the folder with ExperimentRuns/<tomogram>/Picks/*.json; for
    instance {labeled: overlay, test: truth}."""
    user_id: str | tuple[str, ...] | None = None
    """User, or list of users, whose files <user>_<session>_<object>.json are read, as
    there may be picks of a program beside those of a curator. <object>.json is read for
    any user. null: files of several users are an error that lists them. A tomogram must
    have one file for each object."""
    session_id: str | None = None
    """Session whose files are read, quoted; null: as for user_id."""

    _names = field_validator("voxel_spacing", "tomogram_type")(checked_name)

    @field_validator("even_type", "odd_type")
    @classmethod
    def _checked(cls, value: str | None) -> str | None:
        return None if value is None else checked_name(value)

    @model_validator(mode="after")
    def _both_halves(self) -> Self:
        if (self.even_type is None) != (self.odd_type is None):
            raise ValueError(
                f"even_type is {self.even_type} and odd_type {self.odd_type}; expected"
                " both or neither, set the one that is null"
            )
        return self


class RelionSettings(Settings):
    """With source relion: RELION's tomograms."""

    tomograms_star: UserPath = Path("tomograms.star")
    """tomograms.star of the job that reconstructed or denoised them. Exports for RELION
    4 and 5 read it too, if export.tomograms_star is null."""
    root: UserPath | None = None
    """Folder in which RELION runs, where its paths start; null: that above the file
    from which they lead to volumes."""
    volume: Literal["reconstructed", "denoised"] = "reconstructed"
    """Which volumes: those of rlnTomoReconstructedTomogram, or of
    rlnTomoReconstructedTomogramDenoised."""
    files: str | None = None
    """Pattern of the volumes in place of these columns, which RELION 4 does not have,
    such as rec/{name}.mrc; its paths start at the project's folder. Their voxel size is
    that in their headers."""
    halves_star: UserPath | None = None
    """tomograms.star of the job that reconstructed halves; null: the same file. Where
    it has no rlnTomoReconstructedTomogramHalf1 and Half2 no halves are used."""

    _pattern = field_validator("files")(named_pattern)


class WarpSettings(Settings):
    """With source warp: a WarpTools project."""

    settings: UserPath = Path("warp_tiltseries.settings")
    """The settings of its tilt series; the folders of .tomostar files and of
    reconstructions are read from there."""
    voxel_size: Positive | None = None
    """Which reconstructions [Å], as in the name TS_1_10.00Apx.mrc; null: those that
    there are, if all have one size."""
    volume: Literal["reconstruction", "deconv", "denoised"] = "reconstruction"
    """Which volumes: reconstructions, or those of their folders deconv or denoised.
    Halves are taken from even/ and odd/, where they are."""


class FolderSettings(Settings):
    """With source folder: files of a pattern."""

    files: str = "tomograms/*.mrc"
    """Pattern of the volumes, with * and ?, or ** for folders of any depth. A
    tomogram's name is that of its file, without endings and voxel size; or what stands
    for {name}, as in rec/{name}_rec.mrc. Files of the patterns below are none."""
    even: str | None = None
    """Pattern of reconstructions of the even frames, with {name}, such as
    even/{name}.mrc; null: there are none."""
    odd: str | None = None
    """Pattern of reconstructions of the odd frames."""
    mask: str | None = None
    """Pattern of masks: picks are kept where a mask is above 0."""
    membranes: str | None = None
    """Pattern of segmentations of membranes, for pick.context."""

    _patterns = field_validator("even", "odd", "mask", "membranes")(named_pattern)

    @field_validator("files")
    @classmethod
    def _has_names(cls, pattern: str) -> str:
        return pattern if "*" in pattern else named_pattern(pattern) or pattern

    @model_validator(mode="after")
    def _both_halves(self) -> Self:
        if (self.even is None) != (self.odd is None):
            raise ValueError(
                f"even is {self.even} and odd {self.odd}; expected both or neither, set"
                " the one that is null"
            )
        return self
