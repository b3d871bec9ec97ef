"""Jobs in Slurm's queue whose workflow manager was killed.

The next run submits them a second time. Every job begins by deleting the result that it
is to make: one that still waits would, when its turn comes, delete what has been made
since. Whoever holds a claim is past that and may go on; the others are cancelled.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from picker.project.claims import owners
from picker.project.layout import Results

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("picker")

PATIENCE = 60.0
"""Seconds that cancelled jobs are waited for; KillWait, often 30 s, is inside."""
ANSWER = 30.0
"""Seconds after which the queue is taken for one that does not answer."""
NAME = re.compile(r"(?:.*_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How Snakemake names its jobs in Slurm: the run's UUID behind the profile's prefix."""


def cancel_idle_orphans(folder: Path, results: Path) -> tuple[int, int]:
    """Cancel the jobs submitted from a folder that are not at work, and see them gone.

    To be called while no workflow manager runs there. Without Slurm it does nothing.

    Parameters
    ----------
    folder
        Where the workflow was started.
    results
        Where its jobs leave their claims.

    Returns
    -------
    How many were cancelled, and how many go on.
    """
    if shutil.which("squeue") is None:
        return 0, 0
    try:
        jobs = _jobs(folder)
        at_work = _at_work(results) if jobs else set()
        idle = [
            job for job, state in jobs.items() if state != "R" or job not in at_work
        ]
        if idle:
            _answer("scancel", *idle)
            end = time.monotonic() + PATIENCE
            while _jobs(folder).keys() & set(idle):
                if time.monotonic() > end:
                    logger.warning("%s: cancelled, but not gone yet", ", ".join(idle))
                    break
                time.sleep(0.5)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning(
            "the queue could not be asked for a killed run's jobs: %s", error
        )
        return 0, 0
    return len(idle), len(jobs) - len(idle)


def _jobs(folder: Path) -> dict[str, str]:
    """Return number: state of the jobs that Snakemake submitted from a folder."""
    asked = ("--noheader", "--user", str(os.getuid()), "--format", "%i %t %j %Z")
    here = os.path.realpath(folder)
    found = {}
    for line in _answer("squeue", *asked).splitlines():
        number, state, name, *where = line.split(maxsplit=3)
        if NAME.fullmatch(name) and where and os.path.realpath(where[0]) == here:
            found[number] = state
    return found


def _at_work(results: Path) -> set[str]:
    """Return the numbers of the Slurm jobs that hold a claim."""
    patterns = Results(".").claim_folders()
    folders = {folder for pattern in patterns for folder in results.glob(pattern)}
    return {owner.job for f in folders if f.is_dir() for owner in owners(f)}


def _answer(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=ANSWER
    )
    return done.stdout
