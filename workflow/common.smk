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
from picker.core.messages import printable
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
    stage="[a-z_]+",


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


def stage_of(wildcards):
    """Return the stage that is trained."""
    return METHODS[wildcards.run].stage(wildcards.stage)


def model_before(wildcards):
    """Return the model of the stage before, if there is one."""
    before = METHODS[wildcards.run].before(wildcards.stage)
    return [RESULTS.run(wildcards.run).model(stage) for stage in before]


def models_of(wildcards):
    """Return the models that a method finds with."""
    stages = METHODS[wildcards.run].models
    return [RESULTS.run(wildcards.run).model(stage) for stage in stages]


def labeled_manifests(wildcards):
    """Return the manifests of the tomograms whose picks a stage sees."""
    return manifests(PREPROCESSED, *stage_of(wildcards).labeled, "validation")


def unlabeled_manifests(wildcards):
    """Return the manifests of the tomograms that a stage sees without their picks."""
    splits = stage_of(wildcards).unlabeled
    paths = manifests(PREPROCESSED, *splits) if splits else []
    # To Snakemake one that is not there is not ancient; a dry run follows it.
    return [path if path in UNTRUE else ancient(path) for path in paths]


def training_settings(wildcards):
    """Return the settings that a stage reads; what its model is, the first one alone."""
    first = [] if model_before(wildcards) else ["particles", "model", "preprocess"]
    return settings_files(*first, "train", *stage_of(wildcards).sections)


def start_from(wildcards):
    """Return another project's model that the first stage begins with, if any."""
    path = settings.burn_in.start_from
    return [str(path)] if path and not model_before(wildcards) else []


def names_of_unlabeled(wildcards):
    """Return a text that changes when the list of a stage's unlabeled tomograms does."""
    return [names_digest(split) for split in stage_of(wildcards).unlabeled]


def finding_settings(wildcards):
    """Return the settings that finding reads; of a method without a model all of it."""
    row = METHODS[wildcards.run]
    more = [] if row.models else ["particles", "preprocess"]
    return settings_files("predict", *more, *row.sections)


def what_finds(wildcards, input):
    """Return the options that name the method's models, or the method."""
    named = " ".join(f"--model {path}" for path in input.models)
    return named or f"--method {wildcards.run}"


def of_several_stages():
    """Return the benchmark's methods of several stages; they share the first."""
    return [m for m in settings.benchmark.methods if len(METHODS[m].stages) > 1]


def first_stage():
    """Return the options that name the stage which they share."""
    return [
        f"--method {m} --stage {METHODS[m].stages[0].name}" for m in of_several_stages()
    ][:1]


def shared_first_stage(wildcards):
    """Return the model of the shared first stage, for a cell whose method has one."""
    shares = wildcards.method in of_several_stages()
    return rules.benchmark_burn_in.output if shares else []


def checkpoint_folders(wildcards):
    """Return a checkpoint for each stage of a benchmark's cell; shared ones are done."""
    stages = [stage.name for stage in METHODS[wildcards.method].stages]
    return [
        f"{BURN_IN if len(stages) > 1 and place == 0 else CELL}/{name}.pt".format(
            **wildcards
        )
        for place, name in enumerate(stages)
    ]


def how_many_unlabeled():
    """Return how to tell a cell how many unlabeled tomograms to train on, if not all."""
    number = settings.benchmark.unlabeled
    return f"--unlabeled {number}" if number else ""
