"""Convert files of picks of any kind into one file or folder of another kind."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

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
from picker.jobs.convert_options import (
    ConvertOptions,
    check_positive,
    interpretation_of,
)
from picker.jobs.file_names import FileNames
from picker.jobs.orient import (
    mirrored,
    read_surface,
    rotations_along_filaments,
    rotations_along_normals,
)
from picker.project.claims import delete_leftovers_of_ended_jobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from picker.formats.picks.output import Kind
    from picker.formats.picks.records import Coordinates, TiltSeries
    from picker.refining.orient import Surface

logger = logging.getLogger("picker")


def convert(
    inputs: Sequence[Path], kind: Kind, output: Path, options: ConvertOptions
) -> dict[str, int]:
    """Convert all inputs, whole or not at all; return each tomogram's number of picks.

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
        If an input cannot be read or leaves a doubt that the options do not settle, a
        membrane is given for several tomograms, or the output would replace something
        else.
    """
    if options.normals_from and options.along_filaments:
        raise ValueError(
            "expected --normals-from or --along-filaments, not both: each sets the"
            " orientation of every pick"
        )
    interpretation = interpretation_of(options)
    check_positive("--radius", options.radius)
    particle_names = FileNames("particle")
    tomograms = _tomograms(inputs, options, interpretation, particle_names)
    particles = _particles(tomograms, options, particle_names)
    settings = ExportSettings(
        relion5_centre=options.output_relion5_centre,
        angles=options.angles,
        angles_seed=options.angles_seed,
    )
    delete_leftovers_of_ended_jobs(output.parent)
    write_output(kind, output, tomograms, particles, settings)
    numbers = {one.tomogram: len(one.picks) for one in tomograms}
    logger.info("%s: %d picks as %s", output, sum(numbers.values()), kind)
    return numbers


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
    parts = list(tomograms_of_files(files, options.name, options.tomogram))
    surface = None
    if options.normals_from:
        _check_one(options.normals_from, [own_name for _, own_name, _ in parts])
        shape, size = interpretation.shape_zyx, interpretation.voxel_size
        surface = read_surface(options.normals_from, shape, size)
    for path, own_name, rows in parts:
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
            *(path, rows, _with_tilts(interpretation, tilts), options),
            *(particle_names, surface),
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


def _check_one(mask: Path, names: Iterable[str]) -> None:
    """Check that the picks are of one tomogram, as a membrane is.

    Raises
    ------
    ValueError
        If they are of several.
    """
    different = dict.fromkeys(names)
    if len(different) > 1:
        raise ValueError(
            f"--normals-from {mask} is of one tomogram, but the files have picks of"
            f" {listed(different)}; expected one, choose it with --name"
        )


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
    surface: tuple[Surface, float] | None,
) -> Picks:
    """Return one tomogram's picks [Å], checked, mirrored and oriented."""
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
    position = np.where(is_mirrored, last - position, position)
    rotation = mirrored(rows.rotation, options.flip)
    if rotation is not None and sum(is_mirrored) % 2:
        logger.warning(
            "warning: %s: its orientations are now those of the particle's mirror image"
            " along %s, as a mirrored volume shows it",
            *(path, " and ".join(options.flip)),
        )
    if surface:
        rotation = rotations_along_normals(position, *surface)
    elif options.along_filaments:
        rotation = rotations_along_filaments(position, particle, rows)
    names = [safe[name] for name in particle]
    return picks_from_arrays(position, names, rows.score, rotation, rows.context)


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
