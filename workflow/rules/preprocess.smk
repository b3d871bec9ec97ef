# Volumes clipped, normalised and stored in chunks; picks checked and turned into Å.
# `tee -i`, here and elsewhere, ignores Ctrl-C: a verb's last messages come after that.
rule preprocess:
    input:
        tomograms=RESULTS.rows("{shard}"),
        settings=settings_files("particles", "preprocess"),
        files=lambda wildcards: PLAN.newer_files(wildcards.shard),
    output:
        PREPROCESSED,
    log:
        RESULTS.log("preprocess", "{shard}"),
    benchmark:
        RESULTS.cost("preprocess", "{shard}")
    wildcard_constraints:
        shard="[a-z]+-[0-9]+of[0-9]+",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(PREPROCESSED),
        volumes=RESULTS.volumes,
        labels=RESULTS.labels,
        masks=RESULTS.masks,
        noise=RESULTS.noise,
    shell:
        r"""
        python -m picker preprocess --tomograms {input.tomograms} \
            --settings {input.settings} --volumes {params.volumes} \
            --labels {params.labels} --masks {params.masks} \
            --noise {params.noise} --output {output} 2>&1 | tee -i {log}
        """
