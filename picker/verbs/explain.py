"""Tell where a file of picks came from: model, thresholds, settings, input files.

picker explain results/supervised/export/relion5/ribosome.star

For a file that an export wrote, its folder, a copy of that folder, or a run's own picks
(results/<method>/picks/<tomogram>.star). A file, or an input, that was changed since is
told.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.jobs.explain import explained_file, explained_lines
from picker.verbs.common import print_lines

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("file", type=Path, help="file of picks, or folder of an export")


def run(arguments: argparse.Namespace) -> object:
    """Print where a file came from, and return it.

    Raises
    ------
    ValueError
        If nothing is known of it.
    """
    found = explained_file(arguments.file)
    if not arguments.json:
        print_lines(explained_lines(found))
    return found
