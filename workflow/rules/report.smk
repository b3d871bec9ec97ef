localrules:
    finish,


# One page of settings, training, counts and accuracy, with a page for each tomogram.
rule report:
    input:
        picks=OURS.picked,
        candidates=PLAN.of(METHOD).candidates(),
        thresholds=OURS.thresholds,
        tables=[OURS.table(stage.name) for stage in PLAN.of(METHOD).row.stages],
        evaluation=PLAN.evaluation(),
        label_next=OURS.ranking,
        estimate=OURS.estimate,
        regions=PLAN.regions(),
        reproducibility=PLAN.reproducibility(),
        halves=PLAN.of(METHOD).halves(),
        # A later round's line says nothing of this run (`ancient`).
        rounds=[ancient(path) for path in PLAN.rounds()],
        settings=settings_files(*settings.model_dump()),
    output:
        page=report(
            RESULTS.report,
            caption="../report/page.rst",
            category="Picks",
            labels={"what": "the page"},
        ),
        pages=directory(RESULTS.pages),
        failed=OURS.failed("report"),
    log:
        OURS.log("report"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(OURS.failed("report")),
        method=METHOD,
        costs=RESULTS.costs,
        # Other methods' results are shown as they are; none is waited for.
        results=lambda wildcards: RESULTS.folder,
        regions=lambda wildcards, input: (
            f"--regions {OURS.regions_table}" if input.regions else ""
        ),
        reproducibility=lambda wildcards, input: (
            f"--reproducibility {input.reproducibility}"
            if input.reproducibility
            else ""
        ),
        rounds=lambda wildcards, input: (
            f"--rounds {input.rounds}" if input.rounds else ""
        ),
    shell:
        r"""
        python -m picker report --method {params.method} --picks {input.picks} \
            --candidates {input.candidates} --thresholds {input.thresholds} \
            --tables {input.tables} --evaluation {input.evaluation} \
            --label-next {input.label_next} --estimate {input.estimate} \
            {params.regions} {params.reproducibility} --halves {input.halves} \
            {params.rounds} --benchmarks {params.costs} --results {params.results} \
            --settings {input.settings} \
            --output {output.page} --pages {output.pages} --failed {output.failed} >{log} 2>&1
        """


# The lines to read; fails, with the reasons, if a tomogram could not be used.
rule finish:
    input:
        report=RESULTS.report,
        picks=OURS.picked,
        metrics=PLAN.evaluation()[:1],
        reproducibility=PLAN.reproducibility(),
        exports=[OURS.export(target) for target in settings.targets],
        failed=PLAN.failed(),
    output:
        RESULTS.summary,
    log:
        OURS.log("finish"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        metrics=lambda wildcards, input: (
            f"--metrics {input.metrics}" if input.metrics else ""
        ),
        reproducibility=lambda wildcards, input: (
            f"--reproducibility {input.reproducibility}"
            if input.reproducibility
            else ""
        ),
        version=__version__,
    shell:
        r"""
        python -m picker finish --picks {input.picks} {params.metrics} \
            {params.reproducibility} --failed {input.failed} --exports {input.exports} \
            --report {input.report} --output {output} 2>&1 | tee -i {log}
        """
