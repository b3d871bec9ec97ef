# F1, precision, recall and Kaggle's score on the test tomograms.
rule evaluate:
    input:
        picks=PICKED,
        candidates=manifests(PREDICTED, EVALUATED),
        thresholds="results/{method}/models/thresholds.json",
        settings=settings_files("particles", "evaluate", "pick"),
    output:
        metrics="results/{method}/evaluation/metrics.json",
        curves="results/{method}/evaluation/curves.tsv",
        by_tomogram="results/{method}/evaluation/by_tomogram.tsv",
        failed=FAILED.format(stage="evaluate"),
    log:
        "results/logs/{method}/evaluate.log",
    benchmark:
        "results/benchmarks/{method}/evaluate.tsv"
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        split=EVALUATED,
        version=version_of(FAILED.format(stage="evaluate")),
    shell:
        r"""
        python -m picker evaluate --picks {input.picks} \
            --candidates {input.candidates} --thresholds {input.thresholds} \
            --settings {input.settings} --split {params.split} \
            --output {output.metrics} --curves {output.curves} \
            --by-tomogram {output.by_tomogram} --failed {output.failed} >{log} 2>&1
        """
