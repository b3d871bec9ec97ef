# One threshold a class, from tomograms with known particles; never from test.
rule calibrate:
    input:
        manifests=lambda wildcards: run_of(wildcards).calibrated_on(),
        settings=run_settings("particles", "calibrate", "pick", *of_part(PLAN.feedback)),
    output:
        RUN.thresholds,
    log:
        RUN.log("calibrate"),
    benchmark:
        RUN.cost("calibrate")
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
        own=lambda wildcards: run_of(wildcards).own_threshold(),
    shell:
        r"""
        python -m picker calibrate {params.own} --manifests {input.manifests} \
            --settings {input.settings} --output {output} >{log} 2>&1
        """


# Candidates above their threshold, away from each other, inside masks and edges.
rule pick:
    input:
        manifests=lambda wildcards: run_of(wildcards).candidates(),
        thresholds=RUN.thresholds,
        settings=run_settings("particles", "pick"),
    output:
        manifest=RUN.picked,
        label_next=report(
            RUN.ranking,
            caption="../report/label_next.rst",
            category="Picks",
            labels={"what": "what to label next ({run})"},
        ),
        estimate=report(
            RUN.estimate,
            caption="../report/estimate.rst",
            category="Picks",
            labels={"what": "what to expect ({run})"},
        ),
    log:
        RUN.log("pick"),
    benchmark:
        RUN.cost("pick")
    conda:
        "../../envs/picker-cpu.yaml"
    threads: 8
    params:
        version=version_of(RUN.picked),
        picks=RUN.picks,
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
        picks=RUN.picked,
        ranking=RUN.ranking,
        settings=settings_files("particles", "label_next"),
    output:
        folder=directory(RUN.regions),
        failed=RUN.failed("label_next"),
    log:
        RUN.log("label_next"),
    benchmark:
        RUN.cost("label_next")
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(RUN.failed("label_next")),
    shell:
        r"""
        python -m picker label-next --picks {input.picks} --ranking {input.ranking} \
            --settings {input.settings} --output {output.folder} \
            --failed {output.failed} >{log} 2>&1
        """
