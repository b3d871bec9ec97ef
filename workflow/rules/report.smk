localrules:
    finish,


# One self-contained page: settings, training, counts, accuracy, pictures.
rule report:
    input:
        picks=PICKED.format(method=METHOD),
        candidates=[path.format(method=METHOD) for path in manifests(PREDICTED)],
        thresholds=f"results/{METHOD}/models/thresholds.json",
        tables=[
            f"results/{METHOD}/models/{stage.name}.tsv"
            for stage in METHODS[METHOD].stages
        ],
        evaluation=evaluation_files(),
        label_next=f"results/{METHOD}/label_next.tsv",
        estimate=f"results/{METHOD}/estimate.tsv",
        regions=regions_to_label(),
        settings=settings_files(*settings.model_dump()),
    output:
        page="results/report.html",
        failed=FAILED.format(stage="report").format(method=METHOD),
    log:
        f"results/logs/{METHOD}/report.log",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(FAILED.format(stage="report").format(method=METHOD)),
        method=METHOD,
        regions=lambda wildcards, input: (
            f"--regions {input.regions}/regions.tsv" if input.regions else ""
        ),
    shell:
        r"""
        python -m picker report --method {params.method} --picks {input.picks} \
            --candidates {input.candidates} --thresholds {input.thresholds} \
            --tables {input.tables} --evaluation {input.evaluation} \
            --label-next {input.label_next} --estimate {input.estimate} \
            {params.regions} \
            --benchmarks results/benchmarks --settings {input.settings} \
            --output {output.page} --failed {output.failed} >{log} 2>&1
        """


# One line with the result; fails, with the reasons, if a tomogram could not be used.
rule finish:
    input:
        report="results/report.html",
        picks=PICKED.format(method=METHOD),
        metrics=evaluation_files()[:1],
        exports=expand(
            f"results/{METHOD}/export/{{target}}", target=settings.export.targets
        ),
        failed=failed_manifests(),
    output:
        "results/summary.txt",
    log:
        f"results/logs/{METHOD}/finish.log",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        metrics=lambda wildcards, input: (
            f"--metrics {input.metrics}" if input.metrics else ""
        ),
        version=__version__,
    shell:
        r"""
        python -m picker finish --picks {input.picks} {params.metrics} \
            --failed {input.failed} --report {input.report} \
            --output {output} 2>&1 | tee -i {log}
        """
