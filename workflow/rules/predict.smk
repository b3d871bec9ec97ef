# Every peak of one shard's tomograms; the model is loaded once.
rule predict:
    input:
        model="results/{method}/models/model.safetensors",
        manifest=PREPROCESSED,
        settings=settings_files("predict"),
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
    shell:
        r"""
        python -m picker predict --model {input.model} --manifests {input.manifest} \
            --settings {input.settings} --candidates {params.candidates} \
            --output {output} 2>&1 | tee -i {log}
        """


# The labeled tomograms once more, with noise: to calibrate on, where there are no
# validation tomograms.
rule predict_noisy:
    input:
        model="results/{method}/models/model.safetensors",
        manifests=manifests(PREPROCESSED, "labeled"),
        settings=settings_files("predict", "calibrate"),
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
    shell:
        r"""
        python -m picker predict --noisy --model {input.model} \
            --manifests {input.manifests} --settings {input.settings} \
            --candidates {params.candidates} --output {output} 2>&1 | tee -i {log}
        """
