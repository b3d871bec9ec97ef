"""Say what to label next: the fullest regions of the tomograms with the most picks.

For each of those tomograms it writes the regions' picks as STAR, an IMOD model of the
picks with the regions as spheres, which ChimeraX opens too, and a mask of the regions.
Labels that a partial tomogram has are among its picks.
Correct the picks in the regions, then give STAR or model to the table of tomograms
together with the mask, which says that nobody looked elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import LabelNextSettings
from picker.jobs.label_next import write_regions
from picker.jobs.results import failed_result, table_result
from picker.jobs.settings import read_particles, read_section
from picker.project.layout import REGIONS_TABLE
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--picks", type=Path, required=True, help="manifest of the verb pick"
    )
    parser.add_argument(
        "--ranking", type=Path, required=True, help="label_next.tsv of the verb pick"
    )
    add_settings(parser, "particles, label_next")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    add_failed(parser)


def run(arguments: argparse.Namespace) -> object:
    """Write the regions."""
    write_regions(
        arguments.picks,
        arguments.ranking,
        arguments.output,
        read_particles(arguments.settings),
        read_section(arguments.settings, "label_next", LabelNextSettings),
        arguments.failed,
    )
    return {
        "output": arguments.output,
        "regions": table_result(arguments.output / REGIONS_TABLE),
        "failed": failed_result(arguments.failed),
    }
