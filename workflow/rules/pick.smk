# One threshold a class, from tomograms whose particles are known; never from test.
rule calibrate:
    input:
        manifests=manifests(
            "results/{{method}}/manifests/predict/{shard}.json", FEEDBACK
        ),
        settings=settings_files("particles", "calibrate", "pick"),
    output:
        "results/{method}/models/thresholds.json",
    log:
        "results/logs/{method}/calibrate.log",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
    shell:
        r"""
        python -m picker calibrate --manifests {input.manifests} \
            --settings {input.settings} --output {output} >{log} 2>&1
        """


# Candidates above their threshold, apart from each other, inside masks and edges.
rule pick:
    input:
        manifest="results/{method}/manifests/predict/{shard}.json",
        thresholds="results/{method}/models/thresholds.json",
        settings=settings_files("particles", "pick"),
    output:
        "results/{method}/manifests/pick/{shard}.json",
    log:
        "results/logs/{method}/pick/{shard}.log",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
        picks="results/{method}/picks",
    shell:
        r"""
        python -m picker pick --manifests {input.manifest} \
            --thresholds {input.thresholds} --settings {input.settings} \
            --picks {params.picks} --output {output} >{log} 2>&1
        """
