"""Join what several methods and programs found, as the method vote does.

--members names methods, with their thresholds and manifests of candidates in the same
order; picks of other programs are those of vote.imported. --known names preprocessed
tomograms whose particles tell what scores of other programs are worth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import CalibrateSettings, PickSettings, VoteSettings
from picker.jobs.election import election_of
from picker.jobs.settings import read_particles, read_section
from picker.jobs.vote import write_votes
from picker.project.manifests import read_preprocessed
from picker.verbs.common import add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("--members", nargs="*", default=[], metavar="METHOD", help="who votes")
    add(
        "--thresholds",
        nargs="*",
        type=Path,
        default=[],
        metavar="JSON",
        help="of each of them",
    )
    add(
        "--manifests",
        nargs="*",
        type=Path,
        default=[],
        help="of each one's candidates in the same tomograms",
    )
    add(
        "--tomograms",
        nargs="*",
        type=Path,
        default=[],
        metavar="MANIFEST",
        help="preprocessed tomograms, where other programs vote alone",
    )
    add(
        "--known",
        nargs="*",
        type=Path,
        default=[],
        metavar="MANIFEST",
        help="preprocessed tomograms with known particles",
    )
    add_settings(parser, "particles, vote, calibrate, pick")
    add("--candidates", type=Path, required=True, help="folder to fill")
    add("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the joined candidates of one shard."""
    settings = arguments.settings
    election = election_of(
        arguments.members,
        arguments.thresholds,
        [[manifest] for manifest in arguments.manifests],
        read_preprocessed(arguments.known),
        particles=read_particles(settings),
        settings=read_section(settings, "vote", VoteSettings),
        calibration=read_section(settings, "calibrate", CalibrateSettings),
        picking=read_section(settings, "pick", PickSettings),
    )
    write_votes(
        election,
        read_preprocessed(arguments.tomograms),
        arguments.candidates,
        arguments.output,
    )
