# All picks, in the files of one other program.
rule export:
    input:
        manifests=PICKED,
        settings=settings_files("particles", "export"),
        tomograms_star=settings.export.tomograms_star or [],
    output:
        folder=directory("results/{method}/export/{target}"),
        failed=FAILED.format(stage="export/{target}"),
    log:
        "results/logs/{method}/export/{target}.log",
    wildcard_constraints:
        target="[a-z0-9]+",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(FAILED.format(stage="export/{target}")),
    shell:
        r"""
        python -m picker export --manifests {input.manifests} \
            --settings {input.settings} --target {wildcards.target} \
            --output {output.folder} --failed {output.failed} >{log} 2>&1
        """
