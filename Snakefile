# From tomograms and a few labels to picks: what runs, in which order.
import sys

from snakemake.utils import min_version

min_version("9.0")
# Not `basedir`: a project's own Snakefile may include this one.
sys.path.insert(0, str(workflow.current_basedir))


# Before it is loaded: aliases in it can stand for more than the memory holds.
include: "workflow/config_files.smk"


configfile: "config.yaml"


include: "workflow/common.smk"
include: "workflow/lock.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/pick.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/benchmark.smk"


onstart:
    record_run()


# One page to look at, and one line to read. The shards' manifests are named too, or
# a tomogram's deleted file would not be missed while the report still stands.
rule all:
    default_target: True
    input:
        every_manifest(),
        "results/report.html",
        "results/summary.txt",
