# A method that looks at slices predicts detections on them, which are linked to
# candidates: other settings of `link` look at nothing again.
ruleorder: link > predict
ruleorder: link_noisy > predict_noisy
ruleorder: link_halves > predict_halves


use rule predict as detect with:
    output:
        RUN.detected(PREDICTED),
    wildcard_constraints:
        run=LINKING,
    params:
        version=version_of(RUN.detected(PREDICTED)),
        found=f"--detections {RUN.detections}",
        finds=lambda wildcards: run_of(wildcards).finds(),


use rule predict_noisy as detect_noisy with:
    output:
        RUN.detected(RUN.noisy),
    wildcard_constraints:
        run=LINKING,
    params:
        version=version_of(RUN.detected(RUN.noisy)),
        found=f"--detections {RUN.noisy_detections}",
        finds=lambda wildcards: run_of(wildcards).finds(),


use rule predict_halves as detect_halves with:
    output:
        RUN.detected(HALVES),
    wildcard_constraints:
        run=LINKING,
    params:
        version=version_of(RUN.detected(HALVES)),
        found=f"--detections {RUN.half_detections}",
        finds=lambda wildcards: run_of(wildcards).finds(),
        number=lambda wildcards: run_of(wildcards).num_halved(wildcards.shard),


rule link:
    input:
        manifest=RUN.detected(PREDICTED),
        settings=run_settings("particles", "link"),
    output:
        PREDICTED,
    log:
        RUN.log("link", "{shard}"),
    benchmark:
        RUN.cost("link", "{shard}")
    wildcard_constraints:
        run=LINKING,
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(PREDICTED),
        candidates=RUN.candidates,
    shell:
        r"""
        python -m picker link --manifest {input.manifest} \
            --settings {input.settings} --candidates {params.candidates} \
            --output {output} >{log} 2>&1
        """


# Of the copies that thresholds rest on.
use rule link as link_noisy with:
    input:
        manifest=RUN.detected(RUN.noisy),
        settings=run_settings("particles", "link"),
    output:
        RUN.noisy,
    log:
        RUN.log("link_noisy"),
    benchmark:
        RUN.cost("link_noisy")
    params:
        version=version_of(RUN.noisy),
        candidates=RUN.noisy_candidates,


use rule link as link_halves with:
    input:
        manifest=RUN.detected(HALVES),
        settings=run_settings("particles", "link"),
    output:
        HALVES,
    log:
        RUN.log("link_halves", "{shard}"),
    benchmark:
        RUN.cost("link_halves", "{shard}")
    params:
        version=version_of(HALVES),
        candidates=RUN.half_candidates,
