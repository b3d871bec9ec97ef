"""Join what several methods and programs found, as the method vote does.

Each --member is a method with its thresholds and manifests of candidates; picks of
other programs are those of vote.imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import CalibrateSettings, PickSettings, VoteSettings
from picker.jobs.election import election_of
from picker.jobs.results import manifest_result
from picker.jobs.settings import read_particles, read_section
from picker.jobs.table_rows import rows_of_tables
from picker.jobs.vote import write_votes
from picker.project.manifests import read_preprocessed
from picker.verbs.common import add_members, add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_members(parser)
    parser.add_argument(
        "--tomograms",
        nargs="*",
        type=Path,
        default=[],
        metavar="MANIFEST",
        help="preprocessed tomograms, where other programs vote alone",
    )
    add_settings(parser, "particles, vote, calibrate, pick")
    parser.add_argument("--candidates", type=Path, required=True, help="folder to fill")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> object:
    """Write the joined candidates of one shard."""
    settings = arguments.settings
    tomograms = read_preprocessed(arguments.tomograms)
    election = election_of(
        arguments.member,
        read_preprocessed(arguments.known),
        (*rows_of_tables(arguments.rows), *tomograms),
        particles=read_particles(settings),
        settings=read_section(settings, "vote", VoteSettings),
        calibration=read_section(settings, "calibrate", CalibrateSettings),
        picking=read_section(settings, "pick", PickSettings),
    )
    write_votes(
        election,
        tomograms,
        arguments.candidates,
        arguments.output,
    )
    return manifest_result(arguments.output)
