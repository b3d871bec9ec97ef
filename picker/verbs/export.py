"""Write picks for the program that comes next, with scores and in its own units."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from picker.config import ExportSettings, Target
from picker.core.files import written_whole
from picker.core.picks import Picks
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import read_picks
from picker.formats.picks.targets import write_target
from picker.formats.tables.tilt_series import with_tilt_series
from picker.jobs.failures import cannot_be_used
from picker.jobs.settings import read_particles, read_section
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.manifests import read_picked, write_manifest
from picker.project.records import Failed, Picked
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("picker")

TARGETS = get_args(Target)
OF_RELION: tuple[Target, ...] = ("relion4", "relion5")
"""Targets that look tomograms up in RELION's tomograms.star."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    add_settings(parser, "particles, export")
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    add_failed(parser)


def run(arguments: argparse.Namespace) -> None:
    """Export to one target; the folder is there whole or not at all."""
    with claimed(arguments.output):
        _export(arguments)


def _export(arguments: argparse.Namespace) -> None:
    settings = read_section(arguments.settings, "export", ExportSettings)
    particles = read_particles(arguments.settings)
    tomograms, failed = [], []
    entries = read_picked(arguments.manifests)
    for entry in tracked(entries, "export", len(entries), "tomograms"):
        if isinstance(entry, Failed):
            continue
        try:
            tomograms.append(_tomogram_picks(entry))
        except Exception as error:
            failed.append(cannot_be_used(entry, entry.picks, error))
    if settings.tomograms_star and arguments.target in OF_RELION:
        tomograms = with_tilt_series(settings.tomograms_star, tomograms)
    with written_whole(arguments.output) as folder:
        folder.mkdir()
        write_target(
            arguments.target, folder, tomograms, particles, settings, arguments.output
        )
    if arguments.failed:
        write_manifest(arguments.failed, failed)
    logger.info("%s: picks of %d tomograms", arguments.output, len(tomograms))


def _tomogram_picks(entry: Picked) -> TomogramPicks:
    """Return a tomogram's picks with the geometry of the file that users have.

    Positions [Å] hold for it and for the preprocessed volume, but voxels do not if that
    was rescaled.
    """
    before = entry.preprocessed
    voxel_size, shape = before.source_voxel_size, before.source_shape_zyx
    picks = read_picks(entry.picks)
    # Larger voxels may reach a little beyond the faces of those they were made of.
    last = (np.array(shape) - 0.5) * voxel_size
    return TomogramPicks(
        tomogram=entry.tomogram,
        voxel_size=voxel_size,
        shape_zyx=shape,
        picks=Picks(
            position_zyx=np.clip(picks.position_zyx, -0.5 * voxel_size, last),
            particle=picks.particle,
            score=picks.score,
        ),
        tilt_pixel_size=before.tilt_pixel_size,
        called=before.called,
    )
