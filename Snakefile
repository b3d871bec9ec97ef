# From tomograms and a few labels to picks: what runs, in which order.
import gc
import os
import sys

from snakemake.utils import min_version

min_version("9.0")
# Planning makes millions of objects that stay. To look through all of them for unused ones,
# again and again, would take a quarter of its time.
gc.disable()
# A user's own json.py in the project's folder, which Snakemake puts first, must not stand
# for Python's: neither here nor in the jobs nor in the Snakemake that a cluster starts
# for each of them.
os.environ.update(PYTHONSAFEPATH="1")
project = {os.path.realpath(folder) for folder in ("", workflow.basedir)}
last = [folder for folder in sys.path if os.path.realpath(folder) in project]
# Not `basedir`: a project's own Snakefile may include this one.
first = str(workflow.current_basedir)
sys.path[:] = [first, *(f for f in sys.path if f not in (first, *last)), *last]


# Before it is loaded: aliases in it can stand for more than the memory holds.
include: "workflow/config_files.smk"


configfile: "config.yaml"


# In the project's folder; for `--software-deployment-method apptainer` alone.
container: "tomo-picker.sif"


report: "workflow/report/workflow.rst"


include: "workflow/common.smk"
include: "workflow/lock.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/link.smk"
include: "workflow/rules/vote.smk"
include: "workflow/rules/pick.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/tune.smk"


onstart:
    gc.freeze()
    gc.enable()
    WORKPLACE.record(PLAN.record())
    PLAN.write_found()
    status_page = start_status_page(ROOT)


# One page to look at, and one line to read. The shards' manifests and the other results
# are named too, or a deleted file would not be missed while the report still stands.
rule all:
    default_target: True
    input:
        PLAN.every_manifest(),
        PLAN.every_result(),
        RESULTS.report,
        RESULTS.pages,
        RESULTS.summary,
