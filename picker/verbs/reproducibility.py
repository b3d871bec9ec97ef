"""Tell from halves how good picks are where nobody looked.

Candidates of a tomogram's even half are matched with those of its odd half: what noise
made is not found again. Writes, for each particle and threshold, how many of a half's
picks are found again, and the precision and recall to expect of whole tomograms, as
TSV. A structure that is taken for a particle is found again too; halves cannot tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import EvaluateSettings, PickSettings
from picker.jobs.reproducibility import write_reproducibility
from picker.jobs.results import failed_result, table_result
from picker.jobs.settings import read_particles, read_section
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--halves",
        nargs="+",
        type=Path,
        required=True,
        help="manifests of the candidates of even and odd halves",
    )
    parser.add_argument(
        "--candidates",
        nargs="+",
        type=Path,
        required=True,
        help="manifests of the candidates of the whole tomograms",
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    add_settings(parser, "particles, evaluate, pick")
    parser.add_argument("--output", type=Path, required=True, help="TSV to write")
    add_failed(parser)


def run(arguments: argparse.Namespace) -> object:
    """Write the table."""
    write_reproducibility(
        arguments.halves,
        arguments.candidates,
        arguments.thresholds,
        arguments.output,
        particles=read_particles(arguments.settings),
        settings=read_section(arguments.settings, "evaluate", EvaluateSettings),
        picking=read_section(arguments.settings, "pick", PickSettings),
        failed=arguments.failed,
    )
    return {
        "output": arguments.output,
        "rows": table_result(arguments.output),
        "failed": failed_result(arguments.failed),
    }
