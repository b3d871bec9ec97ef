r"""Link detections on slices to particles, as section link says.

picker link labels/ --tomogram TS_01.mrc --settings particles.json \
    --output TS_01.star
reads the text files that YOLO programs label and predict, one a slice: class, centre x
and y, width, height and perhaps the confidence, as fractions of the image. The number
of the slice is the last one in a file's name, the classes' names are those of
data.yaml or classes.txt. A file of results/<method>/detections/ is linked too.

In the pipeline: --manifest names the detections of a shard, --candidates the folder to
fill, --output the shard's manifest.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from picker.config import LinkSettings
from picker.formats.volumes.read import accepted
from picker.jobs.link import write_linked
from picker.jobs.link_files import link_files
from picker.jobs.results import manifest_result
from picker.jobs.settings import read_particles, read_section
from picker.jobs.slice_boxes import Letterbox, SliceImages
from picker.verbs.common import add_settings, add_volume_options

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments, some named as in `SliceImages`."""
    add = parser.add_argument
    add(
        "detections",
        nargs="?",
        type=Path,
        help="folder of YOLO text files, or STAR file of detections",
    )
    add("--tomogram", type=Path, help="volume; its voxel size and shape are read")
    add("--voxel-size", type=float, metavar="Å", help="overrides the volume's own")
    add_volume_options(parser)
    add("--name", help="tomogram whose text files are read, of several in a folder")
    add(
        "--names",
        type=Path,
        metavar="FILE",
        help="data.yaml or a text file with the classes' names; default: one in the"
        " folder or the two above it",
    )
    add(
        "--first-slice",
        type=int,
        default=0,
        metavar="N",
        help="number of the first slice in files' names; 0",
    )
    add(
        "--letterbox",
        choices=get_args(Letterbox),
        default="none",
        help="where slices lie in images that were padded to squares before the"
        " program saw them; none: they were not padded",
    )
    add(
        "--flip",
        choices=("x", "y", "z"),
        nargs="+",
        default=[],
        metavar="AXIS",
        help="mirror the boxes; y if an image's lowest row is the tomogram's first, as"
        " in pictures that 3dmod saves",
    )
    add(
        "--min-chord",
        type=float,
        default=0.0,
        metavar="FRACTION",
        help="smallest box that was looked for, as a fraction of the diameter; 0",
    )
    add(
        "--slice-step",
        type=int,
        default=1,
        metavar="N",
        help="every N-th slice was looked at; 1",
    )
    add("--manifest", type=Path, help="detections of one shard")
    add_settings(parser, "particles, link")
    add("--candidates", type=Path, help="folder to fill")
    add("--output", type=Path, required=True, help="STAR file, or manifest (pipeline)")


def run(arguments: argparse.Namespace) -> object:
    """Link one tomogram's detections, or those of one shard of the pipeline."""
    particles = read_particles(arguments.settings)
    settings = read_section(arguments.settings, "link", LinkSettings)
    if arguments.manifest:
        if arguments.detections or not arguments.candidates:
            raise ValueError(
                "--manifest needs --candidates, the folder to fill, and no other"
                " detections"
            )
        write_linked(
            arguments.manifest,
            arguments.candidates,
            arguments.output,
            particles,
            settings,
        )
        return manifest_result(arguments.output)
    if not arguments.detections or not arguments.tomogram:
        raise ValueError(
            "expected a folder of YOLO text files, or a file of detections, and"
            " --tomogram; or --manifest"
        )
    picks = link_files(
        arguments.detections,
        arguments.tomogram,
        arguments.output,
        particles=particles,
        settings=settings,
        images=SliceImages(
            **{one.name: getattr(arguments, one.name) for one in fields(SliceImages)}
        ),
        voxel_size=arguments.voxel_size,
        **accepted(arguments),
    )
    return {"output": arguments.output, "picks": picks}
