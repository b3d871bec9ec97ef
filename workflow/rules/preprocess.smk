# Volumes clipped, normalised and stored in chunks; picks checked and turned into Å.
# `tee -i`, here and elsewhere, ignores Ctrl-C: a verb's last messages come after that.
rule preprocess:
    input:
        tomograms="results/settings/tomograms/{shard}.json",
        settings=settings_files("particles", "preprocess"),
        files=shard_files,
    output:
        PREPROCESSED,
    log:
        "results/logs/preprocess/{shard}.log",
    benchmark:
        "results/benchmarks/preprocess/{shard}.tsv"
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(PREPROCESSED),
    shell:
        r"""
        python -m picker preprocess --tomograms {input.tomograms} \
            --settings {input.settings} --volumes results/tomograms \
            --labels results/labels --masks results/masks \
            --output {output} 2>&1 | tee -i {log}
        """
