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
from picker.config.said import printable
from picker.formats.tables.tomograms import tomogram_rows
from picker.project.launch import job_prefix, training_command
from picker.project.layout import Results
from picker.project.plan import planned, simulated_rows

try:
    settings = Config.model_validate(config)
except ValidationError as error:
    raise WorkflowError(f"config.yaml:\n{explained(error)}")
# A job parses this file too, while others write: only the main process looks at disks.
IS_MAIN = workflow.is_main_process
ROOT = Path(str(workflow.current_basedir)).parent
RESULTS = Results()
try:
    if settings.tomograms.source == "simulate":
        rows = simulated_rows(settings, RESULTS)
    else:
        rows = tomogram_rows(settings, check_files=IS_MAIN)
except (ValueError, FileNotFoundError) as error:
    raise WorkflowError(printable(str(error)))
PLAN = planned(settings, rows, RESULTS)
METHOD, FEEDBACK, EVALUATED = settings.method, PLAN.feedback, PLAN.evaluated
# Any run, and the one of these settings.
RUN, OURS = RESULTS.run("{run}"), PLAN.run
# Of each shard; `manifests` gives all of them.
PREPROCESSED, PREDICTED = RESULTS.preprocessed("{shard}"), RUN.predicted("{shard}")
manifests, names_digest = PLAN.manifests, PLAN.names_digest
CELL = RESULTS.cell("{labeled}", "{seed}", "{method}")
BURN_IN = RESULTS.shared_burn_in("{labeled}", "{seed}")
# Manifests that a run which is no dry run would delete.
UNTRUE = set()
deployed = workflow.deployment_settings.deployment_method
shell.prefix(job_prefix(ROOT, os.environ, None if deployed else sys.executable))


wildcard_constraints:
    tomogram="[A-Za-z0-9][A-Za-z0-9._-]*",
    shard="[a-z]+-[0-9]+of[0-9]+",
    section="[a-z_]+",
    method="[a-z_]+",
    run="[a-z_]+",


def settings_files(*sections):
    """Return the files of the sections that a stage reads."""
    return [RESULTS.settings(section) for section in sections]


def version_of(manifest):
    """Return the param by which a stage runs again if the program has another version.

    A dry run deletes no manifest; it shows by this what a real one would do.
    """
    return lambda wildcards: (
        f"{__version__}, to be made again"
        if manifest.format(**wildcards) in UNTRUE
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


def shared_burn_in(wildcards):
    """Return the burn-in that a benchmark's cell begins with, if others have it too."""
    return rules.benchmark_burn_in.output if METHODS[wildcards.method].co_trains else []


def folder_of_burn_in(wildcards):
    """Return where a cell's burn-in has its checkpoint; a shared one is finished there."""
    co_trains = METHODS[wildcards.method].co_trains
    return (BURN_IN if co_trains else CELL).format(**wildcards)


def how_many_unlabeled():
    """Return how to tell a cell how many unlabeled tomograms to train on, if not all."""
    number = settings.benchmark.unlabeled
    return f"--unlabeled {number}" if number else ""
