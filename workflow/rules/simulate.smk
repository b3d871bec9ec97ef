# A phantom tomogram and its truth, for the demo and the tests.
rule simulate:
    input:
        settings=settings_files("particles", "simulate"),
        maps=[str(p.density) for p in settings.particles if p.density],
    output:
        volume="results/simulated/{tomogram}.mrc",
        truth="results/simulated/{tomogram}.star",
    log:
        "results/logs/simulate/{tomogram}.log",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        index=lambda wildcards: SIMULATED[wildcards.tomogram],
        version=__version__,
    shell:
        r"""
        python -m picker simulate --name {wildcards.tomogram:q} --index {params.index} \
            --settings {input.settings} --output {output.volume} \
            --truth {output.truth} >{log} 2>&1
        """
