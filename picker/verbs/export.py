"""Write picks for the program that comes next, with scores and in its own units."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import ExportSettings
from picker.formats import copick, kaggle, star
from picker.verbs.common import (
    add_settings,
    read_manifests,
    read_particles,
    read_section,
)

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("picker")

TARGETS = ("relion5", "relion4", "relion3", "warp", "copick", "kaggle")


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
    settings = read_section(arguments.settings, "export", ExportSettings)
    particles = read_particles(arguments.settings)
    names = [particle.name for particle in particles]
    tomograms = [
        star.TomogramPicks(
            tomogram=entry.tomogram,
            voxel_size=entry.voxel_size,
            shape_zyx=entry.shape_zyx,
            picks=star.read_picks(entry.path),
        )
        for entry in read_manifests(arguments.manifests)
        if not entry.error
    ]
    folder = arguments.output.with_name(f".{arguments.output.name}.{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    t = settings.tilt_series_pixel_size
    match arguments.target:
        case "relion5":
            star.write_relion5(folder, tomograms, names, t, settings.relion5_centre)
        case "relion4":
            star.write_relion4(folder, tomograms, names, t)
        case "relion3":
            star.write_relion3(folder, tomograms, names)
        case "warp":
            star.write_warp(folder, tomograms, names)
        case "copick":
            copick.write_project(
                folder,
                tomograms,
                particles,
                settings.user_id,
                settings.session_id,
                arguments.output,
            )
        case "kaggle":
            kaggle.write_submission(folder, tomograms)
    shutil.rmtree(arguments.output, ignore_errors=True)
    folder.rename(arguments.output)
    logger.info("%s: picks of %d tomograms", arguments.output, len(tomograms))
