"""Write picks for the program that comes next, with scores and in its own units."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from picker.claim import claimed
from picker.config import ExportSettings, Target
from picker.formats.records import TomogramPicks
from picker.formats.star import read_picks
from picker.formats.targets import write_target
from picker.verbs.common import (
    add_settings,
    read_manifests,
    read_particles,
    read_section,
)

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("picker")

TARGETS = get_args(Target)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    add_settings(parser, "particles, export")
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")


def run(arguments: argparse.Namespace) -> None:
    """Export to one target; the folder is there whole or not at all."""
    with claimed(arguments.output):
        _export(arguments)


def _export(arguments: argparse.Namespace) -> None:
    settings = read_section(arguments.settings, "export", ExportSettings)
    particles = read_particles(arguments.settings)
    tomograms = [
        TomogramPicks(
            tomogram=entry.tomogram,
            voxel_size=entry.voxel_size,
            shape_zyx=entry.shape_zyx,
            picks=read_picks(entry.path),
            tilt_pixel_size=entry.tilt_pixel_size,
        )
        for entry in read_manifests(arguments.manifests)
        if not entry.error
    ]
    folder = arguments.output.with_name(f".{arguments.output.name}.{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_target(
        arguments.target, folder, tomograms, particles, settings, arguments.output
    )
    shutil.rmtree(arguments.output, ignore_errors=True)
    folder.rename(arguments.output)
    logger.info("%s: picks of %d tomograms", arguments.output, len(tomograms))
