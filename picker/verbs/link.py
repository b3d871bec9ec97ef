"""Link detections on slices to candidates, as section link says.

For methods that look at slices: `picker predict` writes what it detects on them, which
is linked without looking again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import LinkSettings
from picker.jobs.link import write_linked
from picker.jobs.settings import read_particles, read_section
from picker.verbs.common import add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifest", type=Path, required=True, help="detections of one shard"
    )
    add_settings(parser, "particles, link")
    parser.add_argument("--candidates", type=Path, required=True, help="folder to fill")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the candidates of one shard."""
    settings = arguments.settings
    write_linked(
        arguments.manifest,
        arguments.candidates,
        arguments.output,
        read_particles(settings),
        read_section(settings, "link", LinkSettings),
    )
