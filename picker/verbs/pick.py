"""Turn candidates into picks: thresholds, distances, masks and edges.

Quick, and without the model: changing a threshold runs this stage and those after it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import PickSettings
from picker.jobs.pick import pick_tomograms
from picker.jobs.results import manifest_result
from picker.jobs.settings import read_particles, read_section
from picker.verbs.common import add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="predicted shards"
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    add_settings(parser, "particles, pick")
    parser.add_argument("--picks", type=Path, required=True, help="folder to fill")
    parser.add_argument(
        "--processes", type=int, default=1, help="how many tomograms at a time"
    )
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")
    parser.add_argument(
        "--label-next",
        type=Path,
        help="TSV to write: tomograms to label next, the most picks first",
    )
    parser.add_argument(
        "--estimate",
        type=Path,
        help="TSV to write: precision and recall to expect in each split, where"
        " thresholds come from validation tomograms",
    )


def run(arguments: argparse.Namespace) -> object:
    """Write the picks of all predicted tomograms."""
    pick_tomograms(
        arguments.manifests,
        arguments.thresholds,
        read_particles(arguments.settings),
        read_section(arguments.settings, "pick", PickSettings),
        folder=arguments.picks,
        output=arguments.output,
        processes=arguments.processes,
        ranking=arguments.label_next,
        estimate=arguments.estimate,
    )
    return manifest_result(arguments.output)
