# Validated settings, the tomograms in their shards, and what the rules ask about them.
import json
import os
import sys
from pathlib import Path

from pydantic import ValidationError
from snakemake.exceptions import WorkflowError

from picker import __version__
from picker.config import Config, explained
from picker.config.methods import METHODS
from picker.config.tomograms import LISTED
from picker.core.messages import printable
from picker.formats.tables.tomograms import tomogram_rows
from picker.project.launch import (
    import_folder,
    job_prefix,
    start_status_page,
    training_command,
)
from picker.project.layout import VARIED, Results
from picker.project.plan import found_rows, planned, simulated_rows
from picker.project.planned_run import first_shard

try:
    settings = Config.model_validate(config)
except ValidationError as error:
    raise WorkflowError(f"config.yaml:\n{explained(error)}")
# A job parses this file too, while others write: only the main process looks at disks.
IS_MAIN = workflow.is_main_process
RESULTS = Results()
try:
    if settings.tomograms.source == "simulate":
        rows = simulated_rows(settings, RESULTS)
    elif settings.tomograms.source in LISTED and not IS_MAIN:
        rows = found_rows(RESULTS)
    else:
        rows = tomogram_rows(settings, check_files=IS_MAIN)
    PLAN = planned(settings, rows, RESULTS)
except (ValueError, FileNotFoundError) as error:
    raise WorkflowError(printable(str(error)))
METHOD, EVALUATED = settings.method, PLAN.evaluated
# Any run, and the one of these settings.
RUN, OURS = RESULTS.run("{run}"), PLAN.run
# Any cell of the benchmark, and any run of a method that votes.
CELLS = "benchmark/cells/[0-9]+_labeled/seed_[0-9]+"
VOTING = f"vote|{CELLS}/vote(?:-[a-z0-9_]+)?"
# Any run of a method whose candidates are linked of detections on slices.
LINKED = "|".join(name for name, row in METHODS.items() if row.links)
LINKING = f"({LINKED})|{CELLS}/({LINKED})(?:-[a-z0-9_]+)?"
# Of each shard.
PREPROCESSED, PREDICTED = RESULTS.preprocessed("{shard}"), RUN.predicted("{shard}")
HALVES = RUN.halves("{shard}")
# Manifests that a run which is no dry run would delete.
STALE = set()
deployed = workflow.deployment_settings.deployment_method
ROOT = import_folder()
if "conda" in map(str, deployed) and ROOT is None:
    raise WorkflowError(
        "--software-deployment-method conda needs a checkout of the repository, as"
        " the jobs' environments do not have this package; leave the option out"
    )
shell.prefix(job_prefix(ROOT, os.environ, None if deployed else sys.executable))


wildcard_constraints:
    tomogram="[A-Za-z0-9][A-Za-z0-9._-]*",
    shard="[a-z]+-([0-9]+of|first)[0-9]+",
    section="[a-z_]+",
    run=f"[a-z_]+|{CELLS}/{VARIED}",
    stage="[a-z_]+",


def run_of(wildcards):
    """Return what the jobs of a run read and write."""
    return PLAN.of(wildcards.run)


def cell_of(wildcards):
    """Return what the jobs of a cell of the benchmark read and write."""
    return PLAN.of(CELL.name.format(**wildcards))


def compared_cells(wildcards):
    """Return what is measured of the benchmark's cells."""
    try:
        return [cell.measured for cell in PLAN.compared()]
    except ValueError as error:
        raise WorkflowError(str(error))


def settings_files(*sections):
    """Return the files of the sections that a stage reads."""
    return [RESULTS.settings(section) for section in sections]


def run_settings(*sections):
    """Return as a function the files of the sections that a stage of a run reads."""
    return lambda wildcards: run_of(wildcards).settings(*sections)


def of_part(split):
    """Return the section that tells labels of a split's tomograms apart, if one does."""
    return ["partial"] if split == "partial" else []


def version_of(manifest):
    """Return the param by which a stage runs again if the program has another version.

    A dry run deletes no manifest; it shows by this what a real one would do.
    """
    return lambda wildcards: (
        f"{__version__}, to be made again"
        if manifest.format(**wildcards) in STALE
        else __version__
    )


def launcher(wildcards, resources):
    """Return how to start training: one process for each GPU, on one node or several."""
    nodes, tasks = (getattr(resources, name, None) for name in ("nodes", "tasks"))
    mpi = "mpi" in resources.keys()
    try:
        return training_command(resources.gpu, nodes or 1, tasks, mpi=mpi)
    except ValueError as error:
        raise WorkflowError(str(error))


def unlabeled_manifests(wildcards):
    """Return the manifests of the tomograms that a stage sees without their picks.

    Unless the picks are the proposals that it learns from.
    """
    run = run_of(wildcards)
    paths = run.unlabeled(wildcards.stage)
    if run.learns_from_picks(wildcards.stage):
        return paths
    # To Snakemake one that is not there is not ancient; a dry run follows it.
    return [path if path in STALE else ancient(path) for path in paths]
