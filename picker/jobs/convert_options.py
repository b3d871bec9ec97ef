"""What a user says to `picker convert`, and what follows for the numbers in files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from picker.formats.picks.interpret import Interpretation
from picker.formats.volumes.read import accepted, read_geometry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Angles, Contours, Outside
    from picker.formats.picks.records import Centre

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvertOptions:
    """What a user says of files of picks, and of the files to make of them.

    Attributes
    ----------
    tomogram
        Volume that has the voxel size and shape; None: both are given here.
    voxel_size, shape
        Of the tomogram, [Å] and voxels (z, y, x); None: the volume's.
    missing_chunks, stacks_are_volumes
        Doubtful volumes that are read all the same.
    name
        The one tomogram that is wanted, or a new name for the only one; None: all.
    particle
        Class of picks whose file does not say it.
    radius
        Of boxes and spheres [Å].
    tilt_pixel_size
        t [Å]; None: as files say.
    tomograms_star
        RELION's tomograms.star, with t and the unbinned size of each tilt series.
    unit
        One of `NAMED_UNITS`, whatever the files' kinds have; None: as kinds have it.
    contours
        What is a pick in IMOD's contours of several points; None: unknown.
    outside
        Which picks outside of the tomogram are dropped.
    flip
        Axes along which positions are mirrored, of "x", "y" and "z".
    relion5_centre, output_relion5_centre
        What RELION 5 calls 0 in files that are read and in those that are written.
    angles, angles_seed
        What is written where no orientation is known, as `ExportSettings` has it.
    normals_from
        Volume that is above 0 in a membrane, whose normals become orientations.
    along_filaments
        Tangents of picks that are in order become orientations.
    """

    tomogram: Path | None = None
    voxel_size: float | None = None
    shape: Sequence[int] | None = None
    missing_chunks: Literal["error", "fill"] = "error"
    stacks_are_volumes: bool = False
    name: str | None = None
    particle: str | None = None
    radius: float = 100.0
    tilt_pixel_size: float | None = None
    tomograms_star: Path | None = None
    unit: str | None = None
    contours: Contours | None = None
    outside: Outside = "drop_few"
    flip: Sequence[str] = ()
    relion5_centre: Centre = "size/2"
    output_relion5_centre: Centre = "size/2"
    angles: Angles = "known"
    angles_seed: int = 0
    normals_from: Path | None = None
    along_filaments: bool = False


def interpretation_of(options: ConvertOptions) -> Interpretation:
    """Return the tomogram that picks lie in, and what the user says of the numbers."""
    check_positive("--voxel-size", options.voxel_size)
    check_positive("--tilt-pixel-size", options.tilt_pixel_size)
    shape, voxel_size = _geometry(options)
    return Interpretation(
        voxel_size=voxel_size,
        shape_zyx=shape,
        tilt_pixel_size=options.tilt_pixel_size,
        centre=options.relion5_centre,
        outside=options.outside,
        contours=options.contours,
        is_certain=options.unit is not None,
    )


def _geometry(options: ConvertOptions) -> tuple[tuple[int, int, int], float]:
    """Return the tomogram's shape (z, y, x) and voxel size [Å]."""
    if options.tomogram:
        shape, voxel_size, warnings = read_geometry(
            options.tomogram, options.voxel_size, **accepted(options)
        )
        for warning in warnings:
            logger.warning("warning: %s", warning)
        if options.shape and tuple(options.shape) != shape:
            raise ValueError(
                f"--shape is {tuple(options.shape)}, but {options.tomogram} has"
                f" {shape} voxels (z, y, x); leave one of them out"
            )
        return shape, voxel_size
    if options.voxel_size is None or not options.shape:
        raise ValueError(
            "the tomogram's voxel size and shape are not known; give --tomogram, or"
            " --voxel-size [Å] and --shape Z Y X [voxels]"
        )
    z, y, x = options.shape
    if min(z, y, x) < 1:
        raise ValueError(
            f"--shape is {z} {y} {x}; expected voxels along z, y, x, all > 0"
        )
    return (z, y, x), options.voxel_size


def check_positive(option: str, value: float | None) -> None:
    """Refuse a length [Å] that is given and not above 0."""
    if value is not None and not (np.isfinite(value) and value > 0):
        raise ValueError(f"{option} is {value:g} Å; expected more than 0")
