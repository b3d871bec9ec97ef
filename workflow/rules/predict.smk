# Every candidate in one shard's tomograms; the models are loaded once.
rule predict:
    input:
        models=models_of,
        manifest=PREPROCESSED,
        settings=finding_settings,
    output:
        "results/{method}/manifests/predict/{shard}.json",
    log:
        "results/logs/{method}/predict/{shard}.log",
    benchmark:
        "results/benchmarks/{method}/predict/{shard}.tsv"
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        version=version_of("results/{method}/manifests/predict/{shard}.json"),
        candidates="results/{method}/candidates",
        finds=what_finds,
    shell:
        r"""
        python -m picker predict {params.finds} --manifests {input.manifest} \
            --settings {input.settings} --candidates {params.candidates} \
            --output {output} 2>&1 | tee -i {log}
        """


# The labeled tomograms once more, with noise: to calibrate on, where there are no
# validation tomograms.
rule predict_noisy:
    input:
        models=models_of,
        manifests=manifests(PREPROCESSED, "labeled"),
        settings=finding_settings,
        calibrate=settings_files("calibrate"),
    output:
        NOISY,
    log:
        "results/logs/{method}/predict_noisy.log",
    benchmark:
        "results/benchmarks/{method}/predict_noisy.tsv"
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        version=version_of(NOISY),
        candidates="results/{method}/noisy",
        finds=what_finds,
    shell:
        r"""
        python -m picker predict --noisy {params.finds} \
            --manifests {input.manifests} \
            --settings {input.settings} {input.calibrate} \
            --candidates {params.candidates} --output {output} 2>&1 | tee -i {log}
        """
