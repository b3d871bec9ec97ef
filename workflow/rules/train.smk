# One stage of the method's training, which begins with the model of the stage before. The
# shell ignores the signals that come before a job's end, and so does `tee -i`; the training
# writes its checkpoint and ends. A fixed or changed unlabeled tomogram does not train again
# (`ancient`): it is one of many; a changed list of them does, as a changed param.
rule train:
    input:
        before=lambda wildcards: run_of(wildcards).before(wildcards.stage),
        labeled=lambda wildcards: run_of(wildcards).labeled(wildcards.stage),
        unlabeled=unlabeled_manifests,
        settings=lambda wildcards: run_of(wildcards).training_settings(wildcards.stage),
        # The verb reads from the settings which one; here Snakemake sees it change.
        start_from=lambda wildcards: run_of(wildcards).start_from(wildcards.stage),
        maps=lambda wildcards: run_of(wildcards).proposed_by(wildcards.stage),
    output:
        model=RUN.model("{stage}"),
        table=report(
            RUN.table("{stage}"),
            caption="../report/training.rst",
            category="Training",
            labels={"run": "{run}", "stage": "{stage}"},
        ),
    log:
        RUN.log("{stage}"),
    benchmark:
        RUN.cost("{stage}")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        method=lambda wildcards: run_of(wildcards).run.method,
        version=__version__,
        before=lambda wildcards, input: (
            f"--before {input.before}" if input.before else ""
        ),
        checkpoint=RUN.checkpoint("{stage}"),
        unlabeled=lambda wildcards: (
            run_of(wildcards).unlabeled_digests(wildcards.stage)
        ),
    shell:
        r"""
        trap '' TERM USR1 INT
        {params.launch} train --method {params.method} --stage {wildcards.stage} \
            --manifests {input.labeled} {input.unlabeled} {params.before} \
            --settings {input.settings} --checkpoint {params.checkpoint} \
            --log-table {output.table} --output {output.model} 2>&1 | tee -i {log}
        """
