# F1, precision, recall and Kaggle's score on the test tomograms.
rule evaluate:
    input:
        picks=manifests("results/{{method}}/manifests/pick/{shard}.json", EVALUATED),
        candidates=manifests(
            "results/{{method}}/manifests/predict/{shard}.json", EVALUATED
        ),
        thresholds="results/{method}/models/thresholds.json",
        settings=settings_files("particles", "evaluate", "pick"),
    output:
        metrics="results/{method}/evaluation/metrics.json",
        curves="results/{method}/evaluation/curves.tsv",
    log:
        "results/logs/{method}/evaluate.log",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
    shell:
        r"""
        python -m picker evaluate --picks {input.picks} \
            --candidates {input.candidates} --thresholds {input.thresholds} \
            --settings {input.settings} --output {output.metrics} \
            --curves {output.curves} >{log} 2>&1
        """
