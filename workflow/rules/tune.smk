# A target: snakemake tune. The settings of picking, voting and linking that find known
# particles best, for --configfile; no other rule reads them.
rule tune:
    input:
        manifests=PLAN.of(METHOD).calibrated_on(),
        members=PLAN.of(METHOD).members_calibrated_on(),
        thresholds=PLAN.of(METHOD).members_thresholds(),
        known=PLAN.of(METHOD).known_to_vote() if PLAN.of(METHOD).row.votes else [],
        settings=lambda wildcards: PLAN.of(METHOD).tuning_settings(),
    output:
        settings=OURS.tuned("tuned.yaml"),
        trials=OURS.tuned("trials.tsv"),
        picture=OURS.tuned("trials.svg"),
    log:
        OURS.log("tune"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
        voters=(
            f"--vote {PLAN.of(METHOD).voters(lambda one: one.calibrated_on())}"
            if PLAN.of(METHOD).row.votes
            else ""
        ),
    shell:
        r"""
        python -m picker tune --manifests {input.manifests} {params.voters} \
            --known {input.known} --settings {input.settings} \
            --output {output.settings} --trials {output.trials} \
            --picture {output.picture} 2>&1 | tee -i {log}
        """
