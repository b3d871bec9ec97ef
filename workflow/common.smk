# Validated settings, the tomograms in their shards, and what the rules ask about them.
import json
import os
import shlex
import sys
import zlib
from pathlib import Path

from pydantic import ValidationError
from snakemake.exceptions import WorkflowError

from picker import __version__
from picker.config import Config, explained
from picker.config.said import printable
from picker.formats.tables.tomograms import tomogram_rows
from picker.config.methods import METHODS
from picker.project.shards import shards_from_rows, untrue_manifests

try:
    settings = Config.model_validate(config)
except ValidationError as error:
    raise WorkflowError(f"config.yaml:\n{explained(error)}")
# A job parses this file too, while others write: only the main process looks at disks.
IS_MAIN = workflow.is_main_process
ROOT = Path(str(workflow.current_basedir)).parent
try:
    rows = tomogram_rows(settings, check_files=IS_MAIN)
except (ValueError, FileNotFoundError) as error:
    raise WorkflowError(printable(str(error)))

if settings.tomograms.source == "simulate":
    # The truth of phantoms is known; of unlabeled ones `supervised_full` alone reads it.
    rows = tuple(
        row.model_copy(update={"picks": (row.path.with_suffix(".star"),)})
        for row in rows
    )

METHOD = settings.method
SHARDS = shards_from_rows(rows, settings.tomograms.shard_size)
SIMULATED = {row.tomogram: i for i, row in enumerate(rows)}
FEEDBACK = "validation" if any(r.split == "validation" for r in rows) else "labeled"
EVALUATED = "test" if any(r.split == "test" and r.picks for r in rows) else "validation"

PREPROCESSED = "results/manifests/preprocess/{shard}.json"
PREDICTED = "results/{{method}}/manifests/predict/{shard}.json"
PICKED = "results/{method}/manifests/pick.json"
NOISY = "results/{method}/manifests/noisy.json"
MODEL = "results/{method}/models/{stage}.safetensors"
# Of the tomograms that a stage behind the picks could not use, for `finish` to tell.
FAILED = "results/{{method}}/manifests/{stage}.json"
CELL = "results/benchmark/cells/{labeled}_labeled/seed_{seed}/{method}"
BURN_IN = "results/benchmark/burn_in/{labeled}_labeled/seed_{seed}"

# Jobs may start in any folder and any environment; the package stands beside the
# Snakefile, and its Python is the one that runs Snakemake. An empty part of PYTHONPATH,
# as a colon at its end leaves it, would be the project's folder.
others = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
exports = {
    "PYTHONSAFEPATH": "1",
    "PYTHONPATH": shlex.quote(os.pathsep.join([str(ROOT), *others])),
}
if not workflow.deployment_settings.deployment_method:
    exports["PATH"] = f"{shlex.quote(str(Path(sys.executable).parent))}:$PATH"
exports = " ".join(f"{name}={value}" for name, value in exports.items())
shell.prefix(
    f"set -euo pipefail; export {exports}; ".replace("{", "{{").replace("}", "}}")
)


wildcard_constraints:
    tomogram="[A-Za-z0-9][A-Za-z0-9._-]*",
    shard="[a-z]+-[0-9]+of[0-9]+",
    section="[a-z_]+",
    method="[a-z_]+",
    stage="[a-z_]+",


def settings_files(*sections):
    """Return the files of the sections that a stage reads."""
    return [f"results/settings/{section}.json" for section in sections]


def manifests(pattern, *splits):
    """Return a stage's manifests of some splits' shards, or of all."""
    return [
        pattern.format(shard=shard)
        for shard in SHARDS
        if not splits or shard.split("-")[0] in splits
    ]


def every_manifest():
    """Return the manifests of all stages for this method."""
    predicted = [path.format(method=METHOD) for path in manifests(PREDICTED)]
    noisy = [NOISY.format(method=METHOD)] if FEEDBACK == "labeled" else []
    picked = PICKED.format(method=METHOD)
    return [*manifests(PREPROCESSED), *predicted, *noisy, picked, *failed_manifests()]


def failed_manifests():
    """Return the manifests of what failed behind the picks."""
    stages = ["report", *(f"export/{target}" for target in settings.export.targets)]
    stages += ["evaluate"] if truth_is_known() else []
    stages += ["label_next"] if regions_to_label() else []
    return [FAILED.format(stage=stage).format(method=METHOD) for stage in stages]


# Manifests that a run which is no dry run would delete.
UNTRUE = set()


def version_of(manifest):
    """Return the param by which a stage runs again if the program has another version.

    A dry run deletes no manifest; it shows by this what a real one would do.
    """
    return lambda wildcards: (
        f"{__version__}, to be made again"
        if manifest.format(**wildcards) in UNTRUE
        else __version__
    )


def shard_files(wildcards):
    """Return every file that one shard's tomograms are read from."""
    members = SHARDS.get(wildcards.shard, [])
    return [
        str(path)
        for row in members
        for path in (row.path, *row.picks, *([row.mask] if row.mask else []))
    ]


def truth_is_known():
    """Return whether there is anything to hold picks against."""
    return any(row.split == EVALUATED and row.picks for row in rows)


def regions_to_label():
    """Return the folder that says what to label next, if there is anything left."""
    left = any(row.split in ("unlabeled", "predict") for row in rows)
    return [f"results/{METHOD}/label_next"] if left else []


def evaluation_files():
    """Return how the picks were held against the truth, if there is any."""
    names = ("metrics.json", "curves.tsv", "by_tomogram.tsv")
    return [f"results/{METHOD}/evaluation/{name}" for name in names if truth_is_known()]


def every_result():
    """Return what is promised besides, so that each is missed if it is deleted alone.

    But for the models, which are made again when something needs them.
    """
    names = ["models/thresholds.json", "label_next.tsv", "estimate.tsv"]
    names += [f"export/{target}" for target in settings.export.targets]
    ours = [f"results/{METHOD}/{name}" for name in names]
    return [*ours, *evaluation_files(), *regions_to_label()]


def names_digest(split):
    """Return a short text that changes when a split's list of tomograms does."""
    return "{:08x}".format(
        zlib.crc32(
            " ".join(sorted(r.tomogram for r in rows if r.split == split)).encode()
        )
    )


def stage_of(wildcards):
    """Return the stage that is trained."""
    return METHODS[wildcards.method].stage(wildcards.stage)


def model_before(wildcards):
    """Return the model of the stage before, if there is one."""
    before = METHODS[wildcards.method].before(wildcards.stage)
    return [MODEL.format(method=wildcards.method, stage=stage) for stage in before]


def models_of(wildcards):
    """Return the models that a method finds with."""
    stages = METHODS[wildcards.method].models
    return [MODEL.format(method=wildcards.method, stage=stage) for stage in stages]


def labeled_manifests(wildcards):
    """Return the manifests of the tomograms whose picks a stage sees."""
    return manifests(PREPROCESSED, *stage_of(wildcards).labeled, "validation")


def unlabeled_manifests(wildcards):
    """Return the manifests of the tomograms that a stage sees without their picks."""
    splits = stage_of(wildcards).unlabeled
    return manifests(PREPROCESSED, *splits) if splits else []


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
    row = METHODS[wildcards.method]
    more = [] if row.models else ["particles", "preprocess"]
    return settings_files("predict", *more, *row.sections)


def what_finds(wildcards, input):
    """Return the options that name the method's models, or the method."""
    named = " ".join(f"--model {path}" for path in input.models)
    return named or f"--method {wildcards.method}"


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


def launcher(wildcards, resources):
    """Return how to start training: one process for each GPU, on one node or several."""
    nodes = getattr(resources, "nodes", 1)
    if nodes > 1:
        # Else the plugin starts the command on the first node with all its tasks.
        tasks = getattr(resources, "tasks", None)
        if "mpi" not in resources.keys() or tasks != nodes or resources.gpu % nodes:
            raise WorkflowError(
                f"nodes is {nodes} for a training; expected beside it tasks: {nodes},"
                f" tasks_per_gpu: 0, mpi: srun, and a gpu that {nodes} divides: see"
                " docs/cluster.md"
            )
        # The job's script runs on its first node. A port of its own, should another
        # job meet there.
        return (
            f"srun --nodes {nodes} --ntasks {nodes} --ntasks-per-node 1 --cpu-bind none"
            f" --kill-on-bad-exit=1 torchrun --nnodes {nodes}"
            f" --nproc-per-node {resources.gpu // nodes} --rdzv-backend c10d"
            " --rdzv-id $SLURM_JOB_ID"
            " --rdzv-endpoint $(hostname):$((20000 + SLURM_JOB_ID % 10000)) -m picker"
        )
    if resources.gpu < 2:
        return "python -m picker"
    return f"torchrun --standalone --nproc-per-node {resources.gpu} -m picker"
