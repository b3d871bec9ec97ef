# A phantom tomogram or micrograph, and its truth, for the demo and the tests.
rule simulate:
    input:
        settings=settings_files("particles", "simulate"),
        maps=[str(p.density) for p in settings.particles if p.density],
    output:
        volume=RESULTS.simulated("{tomogram}"),
        truth=RESULTS.simulated_truth("{tomogram}"),
        halves=(
            RESULTS.simulated_halves("{tomogram}") if settings.simulate.halves else []
        ),
    log:
        RESULTS.log("simulate", "{tomogram}"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        index=lambda wildcards: PLAN.place(wildcards.tomogram),
        version=__version__,
        dimensions=settings.tomograms.dimensions,
    shell:
        r"""
        python -m picker simulate --name {wildcards.tomogram:q} --index {params.index} \
            --settings {input.settings} --output {output.volume} \
            --truth {output.truth} --halves {output.halves} \
            --dimensions {params.dimensions} >{log} 2>&1
        """
