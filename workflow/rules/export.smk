# All picks, in the files of one other program.
rule export:
    input:
        manifests=RUN.picked,
        thresholds=RUN.thresholds,
        settings=lambda wildcards: run_of(wildcards).exported_settings(),
        tomograms_star=settings.export.tomograms_star or [],
    output:
        folder=directory(RUN.export("{target}")),
        failed=RUN.failed("export/{target}"),
    log:
        RUN.log("export", "{target}"),
    wildcard_constraints:
        target="[a-z0-9]+",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(RUN.failed("export/{target}")),
    shell:
        r"""
        python -m picker export --manifests {input.manifests} \
            --settings {input.settings} --target {wildcards.target} \
            --run {wildcards.run} --thresholds {input.thresholds} \
            --output {output.folder} --failed {output.failed} >{log} 2>&1
        """
