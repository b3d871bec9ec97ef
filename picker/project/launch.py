"""How jobs are started: with our Python, and a training with a process for each GPU."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("picker")
PACKAGE = Path(__file__).parents[1]
"""The folder of the package's modules."""


def workflow_folder() -> Path:
    """Return where the Snakefile, profiles and envs are.

    They are beside the package in a checkout, and in it where a wheel was installed.
    """
    installed = PACKAGE / "pipeline"
    return installed if installed.is_dir() else PACKAGE.parent


def import_folder() -> Path | None:
    """Return what jobs must have in PYTHONPATH; None: the package is installed.

    A folder of many installed packages there would stand before Python's own modules.
    """
    return None if workflow_folder() == PACKAGE / "pipeline" else PACKAGE.parent


def start_status_page(root: Path | None) -> subprocess.Popen[bytes] | None:
    """Start what keeps the page of the run in this folder up to date until it ends.

    A host that can start no further process gets no page, and the run goes on.

    Parameters
    ----------
    root
        The folder that has the package; None: Python finds it.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "picker", "status", "--page", "--follow"],
            env=os.environ | {"PYTHONPATH": _python_path(root, os.environ)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A killed run's page says that it ended.
            start_new_session=True,
        )
    except OSError as error:
        logger.warning(
            "warning: status.html is not kept up to date, as its process cannot be"
            " started (%s); write it with picker status --page",
            error,
        )
        return None


def _python_path(root: Path | None, environment: Mapping[str, str]) -> str:
    """Return a PYTHONPATH that begins with a folder."""
    # An empty part, as a colon at its end leaves it, would be the project's folder.
    others = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join([*([str(root)] if root else []), *others])


def job_prefix(
    root: Path | None, environment: Mapping[str, str], python: str | None
) -> str:
    """Return what the shell does before each job, a pattern of Snakemake's.

    Parameters
    ----------
    root
        The folder that has the package: jobs may start in any folder. None: Python
        finds it.
    environment
        Where the workflow manager runs, with its PYTHONPATH.
    python
        The Python that jobs are to find; None where they have an environment of their
        own.
    """
    exports = {
        # A user's own json.py must not stand for Python's.
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": shlex.quote(_python_path(root, environment)),
    }
    if python:
        exports["PATH"] = f"{shlex.quote(str(Path(python).parent))}:$PATH"
    words = " ".join(f"{name}={value}" for name, value in exports.items())
    prefix = f"set -euo pipefail; export {words}; "
    return prefix.replace("{", "{{").replace("}", "}}")


def training_command(
    gpus: int, nodes: int = 1, tasks: int | None = None, *, mpi: bool = False
) -> str:
    """Return the command that starts `picker` for a training.

    Parameters
    ----------
    gpus
        Of all nodes together.
    nodes, tasks, mpi
        What the job asks for: nodes, tasks, and whether it names an `mpi`.

    Raises
    ------
    ValueError
        If several nodes come without what they need.
    """
    if nodes > 1:
        # Else the plugin starts the command on the first node with all its tasks.
        if not mpi or tasks != nodes or gpus % nodes:
            raise ValueError(
                f"nodes is {nodes} for a training; expected beside it tasks: {nodes},"
                f" tasks_per_gpu: 0, mpi: srun, and a gpu that {nodes} divides: see"
                " docs/cluster.md"
            )
        # The job's script runs on its first node. A port of its own, should another
        # job meet there.
        return (
            f"srun --nodes {nodes} --ntasks {nodes} --ntasks-per-node 1 --cpu-bind none"
            f" --kill-on-bad-exit=1 torchrun --nnodes {nodes}"
            f" --nproc-per-node {gpus // nodes} --rdzv-backend c10d"
            " --rdzv-id $SLURM_JOB_ID"
            " --rdzv-endpoint $(hostname):$((20000 + SLURM_JOB_ID % 10000)) -m picker"
        )
    if gpus < 2:
        return "python -m picker"
    return f"torchrun --standalone --nproc-per-node {gpus} -m picker"
