r"""Turn files of picks of any kind into files of another kind.

picker convert picks.mod --to relion5 --output out/ --tomogram TS_01.mrc
picker convert a.coords --to imod --output a.mod --voxel-size 10 --shape 300 630 630 \
    --particle ribosome

The kind of an input is told by its content. The tomogram's voxel size and shape are
read from --tomogram, or given. If --output ends as the kind's files do (.star, .json,
.csv, .ndjson, .mod, .tbl, .coords, .cbox) it is one file, else a folder laid out as
`picker export` does. Nothing is converted unless all of it can be.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from picker.config import (
    Contours,
    ExportSettings,
    Outside,
    Particle,
    Target,
    known_as,
    safe_name,
)
from picker.core.files import temporary_beside, written_whole
from picker.core.picks import Picks, concatenate, picks_from_arrays
from picker.formats.picks.kinds import read_coordinates
from picker.formats.picks.owners import by_tomogram, safe_names
from picker.formats.picks.placed import Place, placed
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import write_picks
from picker.formats.picks.targets import FILES, files_of_target, write_target
from picker.formats.tables.tilt_series import read_tilt_series, with_tilt_series
from picker.formats.text import READABLE, listed
from picker.formats.volumes.read import accepted, read_geometry
from picker.project.claims import delete_leftovers_of_ended_jobs
from picker.verbs.common import add_volume_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from picker.formats.picks.records import Coordinates, TiltSeries, Unit

logger = logging.getLogger("picker")

OURS = "picker"
KINDS = (OURS, *get_args(Target))
UNITS: dict[str, Unit] = {
    "angstrom": "Å",
    "voxels": "voxels",
    "fractions": "fractions of the tomogram",
}
COLORS = ("#e6194b", "#4363d8", "#3cb44b", "#f58231", "#911eb4", "#46f0f0", "#f032e6")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="INPUT", help=READABLE)
    add(
        "--to",
        choices=KINDS,
        required=True,
        metavar="KIND",
        help=f"kind to write: {', '.join(KINDS)}",
    )
    add("--output", type=Path, required=True, help="file or folder to write")
    add("--tomogram", type=Path, help="volume; its voxel size and shape are read")
    add("--voxel-size", type=float, metavar="Å", help="overrides the volume's own")
    add_volume_options(parser)
    add("--shape", type=int, nargs=3, metavar=("Z", "Y", "X"), help="in voxels")
    add(
        "--name",
        help="the tomogram's name; of several in a file this one is taken, the only one"
        " is called so",
    )
    add("--particle", help="class of picks that their file does not name")
    add("--radius", type=float, default=100.0, metavar="Å", help="of boxes; 100")
    add(
        "--tilt-pixel-size", type=float, metavar="Å", help="of the unbinned tilt series"
    )
    add(
        "--tomograms-star",
        type=Path,
        metavar="STAR",
        help="RELION's, with the tilt series' pixel size and the unbinned size",
    )
    add(
        "--unit",
        choices=(*UNITS,),
        help="what the inputs' numbers are, where their kind says otherwise",
    )
    add(
        "--contours",
        choices=get_args(Contours),
        help="in IMOD contours of several points that are not scattered: each point is"
        " a pick, or each contour's middle is",
    )
    add(
        "--outside",
        choices=get_args(Outside),
        default="drop_few",
        help="picks outside of the tomogram: out a few that lie just outside (the"
        " default), all of them, or none",
    )
    add(
        "--flip",
        choices=("x", "y", "z"),
        nargs="+",
        default=[],
        metavar="AXIS",
        help="mirror the tomogram along these axes, for a reconstruction of the same"
        " tilt series that came out the other way round",
    )
    for name, done in (("", "read"), ("output-", "written")):
        add(
            f"--{name}relion5-centre",
            choices=("size/2", "size/2-1"),
            default="size/2",
            help=f"what RELION 5 files that are {done} call 0; size/2",
        )


def run(arguments: argparse.Namespace) -> None:
    """Convert all inputs into one file or folder."""
    shape, voxel_size = _geometry(arguments)
    tilt_pixel_size = _positive("--tilt-pixel-size", arguments.tilt_pixel_size)
    star = arguments.tomograms_star
    series = read_tilt_series(star) if star else {}
    tomograms: dict[str, list[Picks]] = {}
    called: dict[str, str] = {}
    classes: dict[str, str] = {}
    unusable: list[str] = []
    inputs = [_read(path, arguments) for path in arguments.inputs]
    for path, own, mine in by_tomogram(inputs, arguments.name, arguments.tomogram):
        try:
            safe_name(own)
        except ValueError as error:
            # Of many tomograms, one with a strange name does not cost the others.
            unusable.append(
                f"{path}: {len(mine.value_zyx)} picks are left out: {error}"
            )
            continue
        name = safe_names(called, own, "tomogram")
        theirs = series.get(known_as([own, name], series, star) or "")
        picks = _picks(path, mine, arguments, shape, voxel_size, classes, theirs)
        tomograms.setdefault(name, []).append(picks)
        logger.info("%s: %d picks of %s, read as %s", path, len(picks), own, mine.kind)
    if unusable and not tomograms:
        raise ValueError("; ".join(unusable))
    for text in unusable:
        logger.warning("warning: %s", text)
    if len(tomograms) > 1:
        logger.warning(
            "warning: all of %d tomograms are taken to have %d x %d x %d voxels (z, y,"
            " x) of %g Å",
            *(len(tomograms), *shape, voxel_size),
        )
    everything = [
        TomogramPicks(
            tomogram=name,
            voxel_size=voxel_size,
            shape_zyx=shape,
            picks=concatenate(parts),
            tilt_pixel_size=tilt_pixel_size,
            called=called[name] if called[name] != name else None,
        )
        for name, parts in tomograms.items()
    ]
    if star:
        everything = with_tilt_series(star, everything)
    _write(arguments, everything, _particles(arguments, everything, classes))
    num = sum(len(one.picks) for one in everything)
    logger.info("%s: %d picks as %s", arguments.output, num, arguments.to)


def _read(path: Path, arguments: argparse.Namespace) -> tuple[Path, Coordinates]:
    """Return a file and what it says, in the unit that the user named, if any."""
    found = read_coordinates(path, arguments.name)
    if arguments.unit:
        # Of the tomogram: whatever pixel size the file names.
        unit = UNITS[arguments.unit]
        found = replace(found, unit=unit, pixel_size=None, doubtful_sizes={})
    for warning in found.warnings:
        logger.warning("warning: %s", warning)
    others = set(found.particle or []) - {arguments.particle, ""}
    if arguments.particle and others:
        logger.warning(
            "warning: %s says itself that its picks are %s; --particle %s is not taken"
            " for those",
            *(path, listed(sorted(others)), arguments.particle),
        )
    return path, replace(found, warnings=())


def _geometry(
    arguments: argparse.Namespace,
) -> tuple[tuple[int, int, int], float]:
    """Return the tomogram's shape (z, y, x) and voxel size [Å]."""
    voxel_size = _positive("--voxel-size", arguments.voxel_size)
    if arguments.tomogram:
        shape, voxel_size, warnings = read_geometry(
            arguments.tomogram, voxel_size, **accepted(arguments)
        )
        for warning in warnings:
            logger.warning("warning: %s", warning)
        if arguments.shape and tuple(arguments.shape) != shape:
            raise ValueError(
                f"--shape is {tuple(arguments.shape)}, but {arguments.tomogram} has"
                f" {shape} voxels (z, y, x); one out"
            )
        return shape, voxel_size
    if voxel_size is None or not arguments.shape:
        raise ValueError(
            "the tomogram's voxel size and shape are not known; give --tomogram, or"
            " --voxel-size [Å] and --shape Z Y X [voxels]"
        )
    z, y, x = arguments.shape
    if min(z, y, x) < 1:
        raise ValueError(
            f"--shape is {z} {y} {x}; expected voxels along z, y, x, all > 0"
        )
    return (z, y, x), voxel_size


def _positive(option: str, value: float | None) -> float | None:
    if value is not None and not (np.isfinite(value) and value > 0):
        raise ValueError(f"{option} is {value:g} Å; expected more than 0")
    return value


def _picks(
    path: Path,
    found: Coordinates,
    arguments: argparse.Namespace,
    shape_zyx: tuple[int, int, int],
    voxel_size: float,
    classes: dict[str, str],
    series: TiltSeries | None = None,
) -> Picks:
    """Return one tomogram's picks [Å], checked against its volume.

    `classes` has each particle's name for files and its own, and grows.
    """
    place = Place(
        voxel_size=voxel_size,
        shape_zyx=shape_zyx,
        tilt_pixel_size=series.pixel_size if series else arguments.tilt_pixel_size,
        tilt_size_zyx=series.size_zyx if series else None,
        centre=arguments.relion5_centre,
        outside=arguments.outside,
        contours=arguments.contours,
        is_certain=bool(arguments.unit),
    )
    found, position, warnings = placed(path, found, place)
    for warning in [*found.warnings, *warnings]:
        logger.warning("warning: %s", warning)
    particle = found.particle or [""] * len(position)
    if "" in particle and not arguments.particle:
        raise ValueError(
            f"{path} ({found.kind}) does not say which particle its picks are"
            f" ({particle.count('')} of {len(particle)}); give --particle NAME"
        )
    particle = [name or arguments.particle for name in particle]
    ours = {n: safe_names(classes, n, "particle") for n in dict.fromkeys(particle)}
    last = (np.array(shape_zyx) - 1) * voxel_size
    flipped = np.where([a in arguments.flip for a in "zyx"], last - position, position)
    names = [ours[name] for name in particle]
    return picks_from_arrays(flipped, names, found.score)


def _particles(
    arguments: argparse.Namespace,
    tomograms: Sequence[TomogramPicks],
    classes: dict[str, str],
) -> list[Particle]:
    """Return the classes that occur, or the one that was named."""
    radius = _positive("--radius", arguments.radius)
    names = {str(name) for one in tomograms for name in one.picks.particle}
    wanted = [classes[name] for name in sorted(names)]
    wanted = wanted or ([arguments.particle] if arguments.particle else [])
    return [
        # A name that is not safe is its `called`.
        Particle(
            name=name,
            radius=radius or 0,
            color=COLORS[number % len(COLORS)],
        )
        for number, name in enumerate(wanted)
    ]


def _write(
    arguments: argparse.Namespace,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[Particle],
) -> None:
    """Write to a folder beside the output, then rename; nothing is written in part."""
    output, kind = arguments.output, arguments.to
    template = "{tomogram}.star" if kind == OURS else FILES[kind]
    is_file = output.suffix == Path(template).suffix and not output.is_dir()
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(
            f"--output {output} is a folder with content; name a new one, or a file"
            f" that ends with {Path(template).suffix}"
        )
    if output.is_file() and not is_file:
        raise ValueError(
            f"--output {output} is a file that does not end with"
            f" {Path(template).suffix}, as those of {kind} do; name another"
        )
    settings = ExportSettings(relion5_centre=arguments.output_relion5_centre)

    def write(folder: Path, root: Path | None) -> list[str]:
        folder.mkdir()
        if kind == OURS:
            for one in tomograms:
                write_picks(folder / f"{one.tomogram}.star", one.picks)
            return [f"{one.tomogram}.star" for one in tomograms]
        write_target(kind, folder, tomograms, particles, settings, root)
        names = [one.tomogram for one in tomograms]
        classes = [particle.name for particle in particles]
        return files_of_target(kind, names, classes or [""], settings)

    delete_leftovers_of_ended_jobs(output.parent)
    if is_file:
        with temporary_beside(output.with_name(f"{output.name}.parts")) as folder:
            _keep_one(folder, write(folder, None), output, kind)
    else:
        with written_whole(output) as folder:
            write(folder, output)


def _keep_one(folder: Path, files: Sequence[str], output: Path, kind: str) -> None:
    """Move the one file with picks to the output, and a Dynamo table's .doc with it."""
    there = [file for file in files if (folder / file).is_file()]
    if not there:
        raise ValueError(
            f"there are no picks, so that no class has a file of {kind}; give"
            " --particle NAME for one with a header alone"
        )
    if len(there) > 1:
        raise ValueError(
            f"these picks make {len(there)} files of {kind}; expected one for --output"
            f" {output}, name a folder (without an ending)"
        )
    (file,) = there
    for suffix in (".doc", Path(file).suffix):
        made = (folder / file).with_suffix(suffix)
        if made.is_file():
            with written_whole(output.with_suffix(suffix)) as temporary:
                shutil.copyfile(made, temporary)
