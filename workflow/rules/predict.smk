# Every peak of one shard's tomograms; the model is loaded once.
rule predict:
    input:
        models=lambda wildcards: run_of(wildcards).models(),
        manifest=PREPROCESSED,
        settings=lambda wildcards: run_of(wildcards).finding_settings(),
        maps=lambda wildcards: run_of(wildcards).density_maps(),
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
        found=f"--candidates {RUN.candidates}",
        finds=lambda wildcards: run_of(wildcards).finds(),
    shell:
        r"""
        python -m picker predict {params.finds} --manifests {input.manifest} \
            --settings {input.settings} {params.found} \
            --output {output} 2>&1 | tee -i {log}
        """


# The labeled tomograms once more, under noise: to calibrate on, where nothing is held
# out for that.
rule predict_noisy:
    input:
        models=lambda wildcards: run_of(wildcards).models(),
        manifests=lambda wildcards: run_of(wildcards).preprocessed("labeled"),
        settings=lambda wildcards: run_of(wildcards).finding_settings(),
        maps=lambda wildcards: run_of(wildcards).density_maps(),
        calibrate=settings_files("calibrate"),
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
        found=f"--candidates {RUN.noisy_candidates}",
        finds=lambda wildcards: run_of(wildcards).finds(),
    shell:
        r"""
        python -m picker predict --noisy {params.finds} \
            --manifests {input.manifests} \
            --settings {input.settings} {input.calibrate} \
            {params.found} --output {output} 2>&1 | tee -i {log}
        """


# The even and odd halves of one shard's first tomograms that have them: to calibrate
# on, or to see what is found again.
rule predict_halves:
    input:
        models=lambda wildcards: run_of(wildcards).models(),
        manifest=PREPROCESSED,
        settings=lambda wildcards: run_of(wildcards).finding_settings(),
        maps=lambda wildcards: run_of(wildcards).density_maps(),
    output:
        HALVES,
    log:
        RUN.log("predict_halves", "{shard}"),
    benchmark:
        RUN.cost("predict_halves", "{shard}")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        version=version_of(HALVES),
        found=f"--candidates {RUN.half_candidates}",
        finds=lambda wildcards: run_of(wildcards).finds(),
        number=lambda wildcards: run_of(wildcards).num_halved(wildcards.shard),
    shell:
        r"""
        python -m picker predict --halves {params.number} {params.finds} \
            --manifests {input.manifest} --settings {input.settings} \
            {params.found} --output {output} 2>&1 | tee -i {log}
        """
