"""Orphans: jobs in Slurm's queue whose workflow manager was killed.

The next run submits them a second time. Every job begins by deleting the result that it
is about to make, so an orphan that still waits would later delete what has been made
since. One that holds a claim is past that step and may continue; the others are
cancelled.
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
"""Seconds to wait for cancelled jobs to end; includes Slurm's KillWait, often 30 s."""
ANSWER = 30.0
"""Seconds to wait for an answer of Slurm's commands."""
NAME = re.compile(r"(?:.*_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Names of Snakemake's jobs in Slurm: the profile's prefix, then the run's UUID."""


def cancel_idle_orphans(folder: Path, results: Path) -> tuple[int, int]:
    """Cancel the jobs submitted from a folder that are not at work; wait for their end.

    Call it only while no workflow manager runs there. Without Slurm it does nothing.

    Parameters
    ----------
    folder
        Where the workflow was started.
    results
        Where its jobs keep their claims.

    Returns
    -------
    Number of jobs that were cancelled, and number of those that continue.
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
                    logger.warning("%s: cancelled, but not ended yet", ", ".join(idle))
                    break
                time.sleep(0.5)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning(
            "Slurm could not be asked for the jobs of a killed run: %s", error
        )
        return 0, 0
    return len(idle), len(jobs) - len(idle)


def _jobs(folder: Path) -> dict[str, str]:
    """Return number: state of the jobs that Snakemake submitted from a folder."""
    options = ("--noheader", "--user", str(os.getuid()), "--format", "%i %t %j %Z")
    here = os.path.realpath(folder)
    found = {}
    for line in _answer("squeue", *options).splitlines():
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
    """Return what a command of Slurm prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=ANSWER
    )
    return done.stdout
