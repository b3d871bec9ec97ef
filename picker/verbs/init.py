"""Make a folder for a project: settings, an empty table of tomograms, profiles.

In that folder `snakemake --profile slurm` or `snakemake --profile local` runs the
pipeline. Files that exist are not changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config.demo import project_manual
from picker.core.files import write_text
from picker.formats.tables.tomograms import OPTIONAL, REQUIRED
from picker.verbs.common import logger

if TYPE_CHECKING:
    import argparse

ROOT = Path(__file__).parents[2]
"""Where the Snakefile and profiles/ are."""

SNAKEFILE = """\
# The workflow is part of the program; settings and results of this project are here.
include: {root}


rule project:
    default_target: True
    input:
        rules.all.input,
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("folder", type=Path, help="folder of the project, new or not")


def run(arguments: argparse.Namespace) -> None:
    """Write the files that are missing.

    Raises
    ------
    ValueError
        If the program was installed without its workflow.
    """
    if not (ROOT / "Snakefile").is_file():
        raise ValueError(
            f"no Snakefile in {ROOT}; expected a checkout of the repository, since only"
            " that has the workflow: run this from there"
        )
    folder = arguments.folder
    snakefile = json.dumps(str((ROOT / "Snakefile").resolve()))
    files = {
        "Snakefile": SNAKEFILE.format(root=snakefile),
        "config.yaml": project_manual(),
        "tomograms.tsv": "\t".join((*REQUIRED, *OPTIONAL)) + "\n",
    }
    for profile in ("local", "slurm"):
        name = f"{profile}/config.yaml"
        files[name] = (ROOT / "profiles" / name).read_text()
    for name, text in files.items():
        if (folder / name).exists():
            logger.info("%s exists and is not changed", folder / name)
        else:
            write_text(folder / name, text)
            logger.info("wrote %s", folder / name)
    logger.info(
        "next: fill in tomograms.tsv, name your particles in config.yaml, set the"
        " partitions and the account in slurm/config.yaml; then, in %s: snakemake"
        " --profile slurm (or local)",
        folder,
    )
