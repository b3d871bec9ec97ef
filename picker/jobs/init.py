"""A folder for a new project: settings, an empty table of tomograms, profiles."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from picker.config.demo import project_manual
from picker.core.files import write_text
from picker.formats.tables.tomograms import OPTIONAL, REQUIRED
from picker.project.launch import workflow_folder

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("picker")

SNAKEFILE = """\
# The workflow is part of the program; settings and results of this project are here.
include: {root}


rule project:
    default_target: True
    input:
        rules.all.input,
"""


def make_project(folder: Path) -> list[Path]:
    """Write the files of a project that are missing in its folder, and return them.

    Raises
    ------
    ValueError
        If the program was installed without its workflow.
    """
    root = workflow_folder()
    if not (root / "Snakefile").is_file():
        raise ValueError(
            f"no Snakefile in {root}; expected the workflow there, install the program"
            " again, by pip or from a checkout of the repository"
        )
    snakefile = json.dumps(str((root / "Snakefile").resolve()))
    files = {
        "Snakefile": SNAKEFILE.format(root=snakefile),
        "config.yaml": project_manual(),
        "tomograms.tsv": "\t".join((*REQUIRED, *OPTIONAL)) + "\n",
    }
    for profile in ("local", "slurm"):
        name = f"{profile}/config.yaml"
        files[name] = (root / "profiles" / name).read_text()
    written = []
    for name, text in files.items():
        if (folder / name).exists():
            logger.info("%s exists and is not changed", folder / name)
        else:
            write_text(folder / name, text)
            logger.info("wrote %s", folder / name)
            written.append(folder / name)
    logger.info(
        "next: fill in tomograms.tsv, name your particles in config.yaml, set the"
        " partitions and the account in slurm/config.yaml; then, in %s: snakemake"
        " --profile slurm (or local)",
        folder,
    )
    return written
