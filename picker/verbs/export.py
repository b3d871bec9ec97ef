"""Write picks for the program that comes next, with scores and in its own units.

Beside them provenance.json says where they came from: `picker explain` tells it. For
that all sections in --settings are written down.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from picker.config import ExportSettings, Target
from picker.jobs.export import export
from picker.jobs.export_record import Origin
from picker.jobs.results import failed_result
from picker.jobs.settings import read_particles, read_section
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    add_settings(parser, "particles, export")
    parser.add_argument("--target", choices=get_args(Target), required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--run", default="", dest="name", help="whose picks these are")
    parser.add_argument("--thresholds", type=Path, help="JSON that they were cut by")
    add_failed(parser)


def run(arguments: argparse.Namespace) -> object:
    """Export to one target; the folder is there whole or not at all."""
    picks = export(
        arguments.manifests,
        arguments.target,
        arguments.output,
        read_particles(arguments.settings),
        read_section(arguments.settings, "export", ExportSettings),
        arguments.failed,
        Origin(
            run=arguments.name,
            thresholds=arguments.thresholds,
            settings=tuple(arguments.settings),
        ),
    )
    return {
        "output": arguments.output,
        "target": arguments.target,
        "picks": picks,
        "failed": failed_result(arguments.failed),
    }
