# Every peak of one shard's tomograms; the model is loaded once.
rule predict:
    input:
        model=RUN.model(),
        manifest=PREPROCESSED,
        settings=settings_files("predict"),
    output:
        PREDICTED,
    log:
        RUN.log("predict", "{shard}"),
    benchmark:
        RUN.cost("predict", "{shard}")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        version=version_of(PREDICTED),
        candidates=RUN.candidates,
    shell:
        r"""
        python -m picker predict --model {input.model} --manifests {input.manifest} \
            --settings {input.settings} --candidates {params.candidates} \
            --output {output} 2>&1 | tee -i {log}
        """


# The labeled tomograms once more, under noise: to calibrate on, where nothing is held
# out for that.
rule predict_noisy:
    input:
        model=RUN.model(),
        manifests=manifests(PREPROCESSED, "labeled"),
        settings=settings_files("predict", "calibrate"),
    output:
        RUN.noisy,
    log:
        RUN.log("predict_noisy"),
    benchmark:
        RUN.cost("predict_noisy")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        version=version_of(RUN.noisy),
        candidates=RUN.noisy_candidates,
    shell:
        r"""
        python -m picker predict --noisy --model {input.model} \
            --manifests {input.manifests} --settings {input.settings} \
            --candidates {params.candidates} --output {output} 2>&1 | tee -i {log}
        """
