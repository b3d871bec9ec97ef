"""Convert files of picks of any kind into one file or folder of another kind."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from picker.config import ExportSettings, Particle, known_as, safe_name
from picker.config.particles import COLORS
from picker.core.picks import Picks, concatenate, picks_from_arrays
from picker.formats.picks.interpret import Interpretation, interpret
from picker.formats.picks.output import write_output
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.tomogram_names import tomograms_of_files
from picker.formats.picks.units import NAMED_UNITS
from picker.formats.tables.tilt_series import read_tilt_series, with_tilt_series
from picker.formats.text import listed
from picker.formats.volumes.read import accepted, read_geometry
from picker.jobs.file_names import FileNames
from picker.project.claims import delete_leftovers_of_ended_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Contours, Outside
    from picker.formats.picks.output import Kind
    from picker.formats.picks.records import Centre, Coordinates, TiltSeries

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


def convert(
    inputs: Sequence[Path], kind: Kind, output: Path, options: ConvertOptions
) -> None:
    """Convert all inputs into one file or folder; nothing is written in part.

    Parameters
    ----------
    inputs
        Files of picks, each of any kind that can be read.
    kind
        Kind to write.
    output
        File or folder, as `write_output` takes it.
    options
        What the user says.

    Raises
    ------
    ValueError
        If an input cannot be read or leaves a doubt that the options do not settle, or
        the output would replace something else.
    """
    interpretation = _interpretation(options)
    _check_positive("--radius", options.radius)
    particle_names = FileNames("particle")
    tomograms = _tomograms(inputs, options, interpretation, particle_names)
    particles = _particles(tomograms, options, particle_names)
    settings = ExportSettings(relion5_centre=options.output_relion5_centre)
    delete_leftovers_of_ended_jobs(output.parent)
    write_output(kind, output, tomograms, particles, settings)
    num = sum(len(one.picks) for one in tomograms)
    logger.info("%s: %d picks as %s", output, num, kind)


def _interpretation(options: ConvertOptions) -> Interpretation:
    """Return the tomogram that picks lie in, and what the user says of the numbers."""
    _check_positive("--voxel-size", options.voxel_size)
    _check_positive("--tilt-pixel-size", options.tilt_pixel_size)
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


def _check_positive(option: str, value: float | None) -> None:
    if value is not None and not (np.isfinite(value) and value > 0):
        raise ValueError(f"{option} is {value:g} Å; expected more than 0")


def _tomograms(
    inputs: Sequence[Path],
    options: ConvertOptions,
    interpretation: Interpretation,
    particle_names: FileNames,
) -> list[TomogramPicks]:
    """Return the picks of all files, together for each tomogram."""
    star = options.tomograms_star
    series = read_tilt_series(star) if star else {}
    names = FileNames("tomogram")
    picks: dict[str, list[Picks]] = {}
    unusable: list[str] = []
    files = [(path, _read(path, options)) for path in inputs]
    for path, own_name, rows in tomograms_of_files(
        files, options.name, options.tomogram
    ):
        try:
            safe_name(own_name)
        except ValueError as error:
            # One tomogram of many with a strange name does not cost the others.
            num = len(rows.value_zyx)
            unusable.append(f"{path}: {num} picks are left out: {error}")
            continue
        name = names.add(own_name)
        tilts = series.get(known_as([own_name, name], series, star) or "")
        part = _picks(
            path, rows, _with_tilts(interpretation, tilts), options, particle_names
        )
        picks.setdefault(name, []).append(part)
        logger.info(
            "%s: %d picks of %s, read as %s", path, len(part), own_name, rows.kind
        )
    if unusable and not picks:
        raise ValueError("; ".join(unusable))
    for text in unusable:
        logger.warning("warning: %s", text)
    voxel_size, shape = interpretation.voxel_size, interpretation.shape_zyx
    if len(picks) > 1:
        logger.warning(
            "warning: all of %d tomograms are taken to have %d x %d x %d voxels (z, y,"
            " x) of %g Å",
            *(len(picks), *shape, voxel_size),
        )
    tomograms = [
        TomogramPicks(
            tomogram=name,
            voxel_size=voxel_size,
            shape_zyx=shape,
            picks=concatenate(picks[name]),
            tilt_pixel_size=options.tilt_pixel_size,
            called=own_name if own_name != name else None,
        )
        for name, own_name in names.original.items()
    ]
    return with_tilt_series(star, tomograms) if star else tomograms


def _read(path: Path, options: ConvertOptions) -> Coordinates:
    """Return what a file says, in the unit that the user named, if any."""
    found = read_coordinates(path, options.name)
    if options.unit:
        # The user's unit is the tomogram's, whatever pixel size the file names.
        unit = NAMED_UNITS[options.unit]
        found = replace(found, unit=unit, pixel_size=None, doubtful_sizes={})
    for warning in found.warnings:
        logger.warning("warning: %s", warning)
    others = set(found.particle or []) - {options.particle, ""}
    if options.particle and others:
        logger.warning(
            "warning: %s says itself that its picks are %s; --particle %s is not taken"
            " for those",
            *(path, listed(sorted(others)), options.particle),
        )
    return replace(found, warnings=())


def _with_tilts(
    interpretation: Interpretation, tilts: TiltSeries | None
) -> Interpretation:
    """Return an interpretation with t and the size in t, if RELION knows them."""
    if tilts is None:
        return interpretation
    return replace(
        interpretation, tilt_pixel_size=tilts.pixel_size, tilt_size_zyx=tilts.size_zyx
    )


def _picks(
    path: Path,
    rows: Coordinates,
    interpretation: Interpretation,
    options: ConvertOptions,
    particle_names: FileNames,
) -> Picks:
    """Return one tomogram's picks [Å], checked with its volume and mirrored."""
    rows, position, warnings = interpret(path, rows, interpretation)
    for warning in [*rows.warnings, *warnings]:
        logger.warning("warning: %s", warning)
    particle = rows.particle or [""] * len(position)
    if "" in particle and not options.particle:
        raise ValueError(
            f"{path} ({rows.kind}) does not say which particle its picks are"
            f" ({particle.count('')} of {len(particle)}); give --particle NAME"
        )
    particle = [name or options.particle or "" for name in particle]
    safe = {name: particle_names.add(name) for name in dict.fromkeys(particle)}
    last = (np.array(interpretation.shape_zyx) - 1) * interpretation.voxel_size
    is_mirrored = [axis in options.flip for axis in "zyx"]
    mirrored = np.where(is_mirrored, last - position, position)
    return picks_from_arrays(mirrored, [safe[name] for name in particle], rows.score)


def _particles(
    tomograms: Sequence[TomogramPicks],
    options: ConvertOptions,
    particle_names: FileNames,
) -> list[Particle]:
    """Return the classes that occur; the one that the user named if none does."""
    found = {str(name) for one in tomograms for name in one.picks.particle}
    names = [particle_names.original[name] for name in sorted(found)]
    names = names or ([options.particle] if options.particle else [])
    return [
        # A name that is not safe for files becomes the particle's `called`.
        Particle(name=name, radius=options.radius, color=COLORS[number % len(COLORS)])
        for number, name in enumerate(names)
    ]
