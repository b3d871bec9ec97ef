"""Hand exported picks to RELION 5 as an External job, so that its GUI offers them.

In RELION's GUI choose External, and as the executable
picker relion-job /path/to/my_project/results/supervised/export/relion5
RELION adds --o and the job's folder. The files then appear as inputs of other jobs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.jobs.relion_job import write_relion_job

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("export", type=Path, help="folder of the export for RELION 5")
    add("--o", type=Path, required=True, dest="job", help="the job's folder, by RELION")
    add(
        "--tomograms-star",
        type=Path,
        metavar="STAR",
        help="RELION's tilt series; default: what the export was written with",
    )
    add("--j", type=int, help="number of threads, which RELION gives; not needed")


def run(arguments: argparse.Namespace) -> object:
    """Fill the job's folder.

    Raises
    ------
    ValueError
        If there is nothing that can be handed over.
    """
    nodes = write_relion_job(arguments.export, arguments.job, arguments.tomograms_star)
    return {"output": arguments.job, "files": {str(p): kind for p, kind in nodes}}
