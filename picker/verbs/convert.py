r"""Turn files of picks of any kind into files of another kind.

picker convert picks.mod --to relion5 --output out/ --tomogram TS_01.mrc
picker convert a.coords --to imod --output a.mod --voxel-size 10 --shape 300 630 630 \
    --particle ribosome

The kind of an input is recognised by its content. The tomogram's voxel size and shape
are read from --tomogram, or given. If --output ends as the kind's files do (.star,
.json, .csv, .ndjson, .mod, .tbl, .coords, .cbox) it is one file, else a folder laid out
as `picker export` does. Nothing is converted unless all of it can be.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from picker.config import Angles, Contours, Outside
from picker.formats.picks.output import KINDS
from picker.formats.picks.records import Centre
from picker.formats.picks.units import NAMED_UNITS
from picker.formats.text import READABLE
from picker.jobs.convert import convert
from picker.jobs.convert_options import ConvertOptions
from picker.verbs.common import add_volume_options

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments, most of them named as in `ConvertOptions`."""
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="INPUT", help=READABLE)
    kinds = ", ".join(KINDS)
    add("--to", choices=KINDS, required=True, metavar="KIND", help=f"one of {kinds}")
    add("--output", type=Path, required=True, help="file or folder to write")
    add("--tomogram", type=Path, help="volume; its voxel size and shape are read")
    add("--voxel-size", type=float, metavar="Å", help="overrides the volume's own")
    add_volume_options(parser)
    add("--shape", type=int, nargs=3, metavar=("Z", "Y", "X"), help="in voxels")
    add("--name", help="which of a file's tomograms to take; renames the only one")
    add("--particle", help="class of picks whose file does not name it")
    add("--radius", type=float, default=100.0, metavar="Å", help="of boxes; 100")
    add("--tilt-pixel-size", type=float, metavar="Å", help="of unbinned tilt series")
    add(
        "--tomograms-star",
        type=Path,
        metavar="STAR",
        help="RELION's, with the tilt series' pixel size and the unbinned size",
    )
    add(
        "--unit",
        choices=tuple(NAMED_UNITS),
        help="of the inputs' numbers, where their kind says otherwise",
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
        help="of picks outside of the tomogram, drop a few that lie just outside (the"
        " default), drop all, or refuse any",
    )
    add(
        "--flip",
        choices=("x", "y", "z"),
        nargs="+",
        default=[],
        metavar="AXIS",
        help="mirror the tomogram along these axes, for a reconstruction of the same"
        " tilt series that is mirrored",
    )
    for option, done in (
        ("relion5-centre", "read"),
        ("output-relion5-centre", "written"),
    ):
        text = f"what RELION 5 files that are {done} call 0; size/2"
        add(f"--{option}", choices=get_args(Centre), default="size/2", help=text)
    add(
        "--angles",
        choices=get_args(Angles),
        default="known",
        help="of picks whose orientation is not known: only beside known ones (the"
        " default), 0, or random",
    )
    add("--angles-seed", type=int, default=0, metavar="N", help="of random ones; 0")
    add(
        "--normals-from",
        type=Path,
        metavar="MASK",
        help="orient picks along the normals of a membrane, where this volume is above"
        " 0",
    )
    add(
        "--along-filaments",
        action="store_true",
        help="orient picks along filaments: those of a class in a file's order, of an"
        " IMOD contour, or of an rlnHelicalTubeID",
    )


def run(arguments: argparse.Namespace) -> object:
    """Convert all inputs into one file or folder."""
    names = [field.name for field in fields(ConvertOptions)]
    options = ConvertOptions(**{name: getattr(arguments, name) for name in names})
    numbers = convert(arguments.inputs, arguments.to, arguments.output, options)
    return {"output": arguments.output, "kind": arguments.to, "picks": numbers}
