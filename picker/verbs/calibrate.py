"""Choose each particle's threshold from tomograms whose particles are known.

Validation tomograms where there are any, else the labeled ones and copies of them
(with noise, or their halves), else the partial ones, by labels that trained nothing;
never test tomograms. A method that needs no labels has thresholds of its own where
there are none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import CalibrateSettings, PartialSettings, PickSettings
from picker.config.methods import METHODS
from picker.jobs.calibrate import calibrate_thresholds
from picker.jobs.settings import read_particles, read_section
from picker.project.json_files import read_json
from picker.verbs.common import add_settings

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
        "--method",
        choices=[name for name, row in METHODS.items() if row.threshold_setting],
        help="the method, if it needs no labels: without any, 0.5 is the threshold",
    )
    add_settings(parser, "particles, calibrate, pick, partial")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")


def run(arguments: argparse.Namespace) -> object:
    """Write the thresholds."""
    calibrate_thresholds(
        arguments.manifests,
        arguments.output,
        read_particles(arguments.settings),
        read_section(arguments.settings, "calibrate", CalibrateSettings),
        read_section(arguments.settings, "pick", PickSettings),
        read_section(arguments.settings, "partial", PartialSettings),
        arguments.method,
    )
    return read_json(arguments.output)
