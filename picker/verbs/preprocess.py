"""Read, check, clip, normalise and store tomograms and their known picks.

For every tomogram of a table or shard it writes <tomogram>.zarr (OME-Zarr 0.5), or by
preprocess.keep <tomogram>.json to make that again of its file whenever it is read; and,
where picks are known, <tomogram>.star (positions in Å); and where a slab or gold beads
limit picks, a mask of what is left, which later stages use in place of the user's; and
where there are halves, their noise. A tomogram that cannot be used is recorded in the
manifest with the reason, and the others continue. Tomograms whose input and settings
have not changed are left alone.
Jobs that fill the same folders know of each other if their manifests lie in one folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import PreprocessSettings
from picker.jobs.preprocess import preprocess_shard
from picker.jobs.results import manifest_result
from picker.jobs.settings import read_particles, read_section
from picker.project.layout import MASKS, NOISE
from picker.verbs.common import add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--tomograms", type=Path, required=True, help="table (TSV) or shard (JSON)"
    )
    add_settings(parser, "particles, preprocess")
    parser.add_argument("--volumes", type=Path, required=True, help="folder to fill")
    parser.add_argument("--labels", type=Path, required=True, help="folder to fill")
    parser.add_argument(
        "--masks", type=Path, help="folder to fill; default: masks, beside --volumes"
    )
    parser.add_argument(
        "--noise", type=Path, help="folder to fill; default: noise, beside --volumes"
    )
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> object:
    """Preprocess all tomograms of one shard."""
    preprocess_shard(
        arguments.tomograms,
        read_particles(arguments.settings),
        read_section(arguments.settings, "preprocess", PreprocessSettings),
        volumes=arguments.volumes,
        labels=arguments.labels,
        masks=arguments.masks or arguments.volumes.with_name(MASKS),
        noise=arguments.noise or arguments.volumes.with_name(NOISE),
        manifest=arguments.output,
    )
    return manifest_result(arguments.output)
