"""What a project of micrographs may ask for, and one of tomograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.base import OF_MICROGRAPHS, ONLY_OF_MICROGRAPHS
from picker.config.methods import METHODS

if TYPE_CHECKING:
    from picker.config import Config
    from picker.config.base import Target
    from picker.config.methods import MethodName
    from picker.config.tomograms import TomogramRow

TARGETS: tuple[Target, ...] = (
    *("relion5", "relion4", "relion3", "warp", "copick", "kaggle"),
)
"""Targets of tomograms, if the settings name none."""


def default_targets(dimensions: int) -> tuple[Target, ...]:
    """Return the targets of a project whose settings name none."""
    return ONLY_OF_MICROGRAPHS if dimensions == 2 else TARGETS


def refuse_other_dimensions(config: Config) -> None:
    """Refuse settings that only tomograms can have in a project of micrographs.

    And the other way round.

    Raises
    ------
    ValueError
        If a method, a target or another setting does not fit `tomograms.dimensions`.
    """
    targets = config.targets
    if config.tomograms.dimensions == 3:
        if config.preprocess.equalise:
            raise ValueError(
                "preprocess.equalise is true, but tomograms.dimensions is 3; expected"
                " micrographs, set it to false"
            )
        if config.preprocess.avoid_carbon is not None:
            raise ValueError(
                "preprocess.avoid_carbon is set, but tomograms.dimensions is 3;"
                " expected micrographs, set it to null"
            )
        if flat := [name for name in targets if name in ONLY_OF_MICROGRAPHS]:
            raise ValueError(
                f"export.targets has {', '.join(flat)}, which hold no z, but"
                " tomograms.dimensions is 3; leave them out, or set it to 2 if these"
                " are micrographs"
            )
        return
    refuse_method_of_tomograms(config, config.method, "method")
    if deep := [name for name in targets if name not in OF_MICROGRAPHS]:
        raise ValueError(
            f"export.targets has {', '.join(deep)}, which are of tomograms, but"
            " tomograms.dimensions is 2; expected some of"
            f" {', '.join(OF_MICROGRAPHS)}, or null for the first two"
        )
    if config.simulate.halves and config.tomograms.source == "simulate":
        raise ValueError(
            "simulate.halves is true, but tomograms.dimensions is 2, and micrographs"
            " have no halves; set it to false"
        )


def refuse_method_of_tomograms(config: Config, method: MethodName, where: str) -> None:
    """Refuse a method that finds in tomograms alone in a project of micrographs.

    Parameters
    ----------
    config
        All settings.
    method
        The method; of a vote its members are asked.
    where
        The setting that names it.

    Raises
    ------
    ValueError
        If it does.
    """
    if config.tomograms.dimensions == 3:
        return
    if METHODS[method].votes:
        where = "vote.methods"
    for name in config.finding(method):
        if not METHODS[name].micrographs:
            raise ValueError(
                f"{where} names {name}, which finds in tomograms alone, but"
                " tomograms.dimensions is 2; expected what finds in micrographs:"
                f" {', '.join(n for n, row in METHODS.items() if row.micrographs)}"
            )


def refuse_columns_of_tomograms(row: TomogramRow) -> None:
    """Refuse a row of a table of micrographs with what only tomograms have.

    Raises
    ------
    ValueError
        If it has halves, faces of a slab, or the pixel size of a tilt series.
    """
    columns = ("even", "slab_z_low", "slab_z_high", "tilt_pixel_size")
    if found := [name for name in columns if getattr(row, name) is not None]:
        raise ValueError(
            f"tomogram {row.tomogram} has a value in {', '.join(found)}, which"
            " micrographs have not, but tomograms.dimensions is 2; leave it empty"
        )
