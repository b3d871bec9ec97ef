"""Make a folder for a project: settings, an empty table of tomograms, profiles.

In that folder `snakemake --profile slurm` or `snakemake --profile local` runs the
pipeline. Files that exist are not changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.jobs.init import make_project

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("folder", type=Path, help="folder of the project, new or not")


def run(arguments: argparse.Namespace) -> object:
    """Write the files that are missing.

    Raises
    ------
    ValueError
        If the program was installed without its workflow.
    """
    return {"output": arguments.folder, "written": make_project(arguments.folder)}
