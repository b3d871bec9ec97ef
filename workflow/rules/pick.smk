# One threshold a class, from tomograms whose particles are known; never from test.
rule calibrate:
    input:
        manifests=[
            *manifests(PREDICTED, FEEDBACK),
            *([NOISY] if FEEDBACK == "labeled" else []),
        ],
        settings=settings_files("particles", "calibrate", "pick"),
    output:
        "results/{method}/models/thresholds.json",
    log:
        "results/logs/{method}/calibrate.log",
    benchmark:
        "results/benchmarks/{method}/calibrate.tsv"
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
    shell:
        r"""
        python -m picker calibrate --manifests {input.manifests} \
            --settings {input.settings} --output {output} >{log} 2>&1
        """


# Candidates above their threshold, away from each other, inside masks and edges.
rule pick:
    input:
        manifests=manifests(PREDICTED),
        thresholds="results/{method}/models/thresholds.json",
        settings=settings_files("particles", "pick"),
    output:
        manifest=PICKED,
        label_next="results/{method}/label_next.tsv",
        estimate="results/{method}/estimate.tsv",
    log:
        "results/logs/{method}/pick.log",
    benchmark:
        "results/benchmarks/{method}/pick.tsv"
    conda:
        "../../envs/picker-cpu.yaml"
    threads: 8
    params:
        version=version_of(PICKED),
        picks="results/{method}/picks",
    shell:
        r"""
        python -m picker pick --manifests {input.manifests} \
            --thresholds {input.thresholds} --settings {input.settings} \
            --processes {threads} --picks {params.picks} \
            --label-next {output.label_next} --estimate {output.estimate} \
            --output {output.manifest} >{log} 2>&1
        """


# What to label next, as picks to correct.
rule label_next:
    input:
        picks=PICKED,
        ranking="results/{method}/label_next.tsv",
        settings=settings_files("particles", "label_next"),
    output:
        folder=directory("results/{method}/label_next"),
        failed=FAILED.format(stage="label_next"),
    log:
        "results/logs/{method}/label_next.log",
    benchmark:
        "results/benchmarks/{method}/label_next.tsv"
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(FAILED.format(stage="label_next")),
    shell:
        r"""
        python -m picker label-next --picks {input.picks} --ranking {input.ranking} \
            --settings {input.settings} --output {output.folder} \
            --failed {output.failed} >{log} 2>&1
        """
