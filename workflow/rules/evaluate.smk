# Which picks of a half are found again in the other one, and what that tells of picks
# where nobody looked.
rule reproducibility:
    input:
        halves=lambda wildcards: run_of(wildcards).halves(),
        candidates=lambda wildcards: run_of(wildcards).whole(),
        thresholds=RUN.thresholds,
        settings=settings_files("particles", "evaluate", "pick"),
    output:
        table=report(
            RUN.reproducibility,
            caption="../report/reproducibility.rst",
            category="Accuracy",
            labels={"what": "reproducibility", "run": "{run}"},
        ),
        failed=RUN.failed("reproducibility"),
    log:
        RUN.log("reproducibility"),
    benchmark:
        RUN.cost("reproducibility")
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(RUN.failed("reproducibility")),
    shell:
        r"""
        python -m picker reproducibility --halves {input.halves} \
            --candidates {input.candidates} --thresholds {input.thresholds} \
            --settings {input.settings} --output {output.table} \
            --failed {output.failed} >{log} 2>&1
        """


# F1, precision, recall and Kaggle's score on the test tomograms; without them recall of
# labels on the partial ones.
rule evaluate:
    input:
        picks=RUN.picked,
        candidates=lambda wildcards: run_of(wildcards).predicted(EVALUATED),
        thresholds=RUN.thresholds,
        settings=run_settings("particles", "evaluate", "pick", *of_part(EVALUATED)),
    output:
        metrics=report(
            RUN.metrics,
            caption="../report/metrics.rst",
            category="Accuracy",
            labels={"what": "metrics", "run": "{run}"},
        ),
        curves=RUN.curves,
        by_tomogram=report(
            RUN.by_tomogram,
            caption="../report/by_tomogram.rst",
            category="Accuracy",
            labels={"what": "by tomogram", "run": "{run}"},
        ),
        failed=RUN.failed("evaluate"),
    log:
        RUN.log("evaluate"),
    benchmark:
        RUN.cost("evaluate")
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        split=EVALUATED,
        version=version_of(RUN.failed("evaluate")),
    shell:
        r"""
        python -m picker evaluate --picks {input.picks} \
            --candidates {input.candidates} --thresholds {input.thresholds} \
            --settings {input.settings} --split {params.split} \
            --output {output.metrics} --curves {output.curves} \
            --by-tomogram {output.by_tomogram} --failed {output.failed} >{log} 2>&1
        """
