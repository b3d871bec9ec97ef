# The settings of picking, voting and linking that find known particles best, for
# --configfile; no other rule reads them.
rule search:
    input:
        manifests=lambda wildcards: run_of(wildcards).calibrated_on(),
        members=lambda wildcards: run_of(wildcards).members_calibrated_on(),
        thresholds=lambda wildcards: run_of(wildcards).members_thresholds(),
        known=lambda wildcards: run_of(wildcards).known_to_vote(),
        rows=lambda wildcards: run_of(wildcards).rows_to_vote(),
        settings=lambda wildcards: run_of(wildcards).tuning_settings(),
    output:
        settings=RUN.tuned("tuned.yaml"),
        trials=RUN.tuned("trials.tsv"),
        picture=RUN.tuned("trials.svg"),
    log:
        RUN.log("tune"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
        voters=lambda wildcards: run_of(wildcards).vote_to_tune(),
    shell:
        r"""
        python -m picker tune --manifests {input.manifests} {params.voters} \
            --known {input.known} --rows {input.rows} --settings {input.settings} \
            --output {output.settings} --trials {output.trials} \
            --picture {output.picture} 2>&1 | tee -i {log}
        """


# A target: snakemake tune.
rule tune:
    input:
        OURS.tuned("tuned.yaml"),
    localrule: True
