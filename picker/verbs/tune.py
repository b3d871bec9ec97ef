"""Search settings of picking, voting and linking that find known particles best.

On the tomograms that thresholds are chosen on: validation ones, else labeled ones and
copies of them; two at least. Thresholds are chosen exactly for all settings that are
tried, and picks count one-to-one. Writes the settings as YAML for --configfile.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import (
    CalibrateSettings,
    LinkSettings,
    PickSettings,
    TuneSettings,
    VoteSettings,
)
from picker.jobs.election import election_of
from picker.jobs.settings import read_particles, read_section
from picker.jobs.table_rows import rows_of_tables
from picker.jobs.tune import TuneFiles, tune
from picker.project.manifests import read_preprocessed
from picker.verbs.common import add_members, add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests",
        nargs="+",
        type=Path,
        required=True,
        help="predicted shards of tomograms with labels, and of their copies",
    )
    parser.add_argument(
        "--vote", action="store_true", help="the method is vote, of these members"
    )
    add_members(parser)
    add_settings(parser, "particles, tune, pick, vote, link, calibrate")
    parser.add_argument("--output", type=Path, required=True, help="YAML to write")
    parser.add_argument(
        "--trials", type=Path, required=True, help="TSV to write: all that was tried"
    )
    parser.add_argument(
        "--picture", type=Path, required=True, help="SVG to write of it"
    )


def run(arguments: argparse.Namespace) -> object:
    """Write the best settings."""
    settings = arguments.settings
    particles = read_particles(settings)
    picking = read_section(settings, "pick", PickSettings)
    calibration = read_section(settings, "calibrate", CalibrateSettings)
    election = None
    if arguments.vote:
        election = election_of(
            arguments.member,
            read_preprocessed(arguments.known),
            rows_of_tables(arguments.rows),
            particles=particles,
            settings=read_section(settings, "vote", VoteSettings),
            calibration=calibration,
            picking=picking,
        )
    tuned = tune(
        arguments.manifests,
        TuneFiles(
            settings=arguments.output,
            trials=arguments.trials,
            picture=arguments.picture,
        ),
        particles=particles,
        picking=picking,
        calibration=calibration,
        tuned=read_section(settings, "tune", TuneSettings),
        election=election,
        linking=read_section(settings, "link", LinkSettings),
    )
    return {"output": arguments.output, "trials": arguments.trials, **tuned}
