# A run whose method votes has candidates as any other: those of its members, joined.
ruleorder: vote > predict
ruleorder: vote_noisy > predict_noisy
ruleorder: vote_halves > predict_halves


rule vote:
    input:
        members=lambda wildcards: [
            member.run.predicted(wildcards.shard)
            for member in run_of(wildcards).members
        ],
        thresholds=lambda wildcards: run_of(wildcards).members_thresholds(),
        tomograms=PREPROCESSED,
        known=lambda wildcards: run_of(wildcards).known_to_vote(),
        rows=lambda wildcards: run_of(wildcards).rows_to_vote(),
        imported=lambda wildcards: run_of(wildcards).imported_files(),
        settings=run_settings("particles", "vote", "calibrate", "pick"),
    output:
        PREDICTED,
    log:
        RUN.log("predict", "{shard}"),
    benchmark:
        RUN.cost("predict", "{shard}")
    wildcard_constraints:
        run=VOTING,
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=version_of(PREDICTED),
        candidates=RUN.candidates,
        voters=lambda wildcards: run_of(wildcards).voters(
            lambda one: [one.run.predicted(wildcards.shard)]
        ),
    shell:
        r"""
        python -m picker vote {params.voters} \
            --tomograms {input.tomograms} --known {input.known} \
            --rows {input.rows} --settings {input.settings} \
            --candidates {params.candidates} --output {output} >{log} 2>&1
        """


# Of the copies that thresholds rest on.
use rule vote as vote_noisy with:
    input:
        members=lambda wildcards: [
            member.run.noisy for member in run_of(wildcards).members
        ],
        thresholds=lambda wildcards: run_of(wildcards).members_thresholds(),
        tomograms=[],
        known=lambda wildcards: run_of(wildcards).known_to_vote(),
        rows=lambda wildcards: run_of(wildcards).rows_to_vote(),
        imported=lambda wildcards: run_of(wildcards).imported_files(),
        settings=run_settings("particles", "vote", "calibrate", "pick"),
    output:
        RUN.noisy,
    log:
        RUN.log("predict_noisy"),
    benchmark:
        RUN.cost("predict_noisy")
    params:
        version=version_of(RUN.noisy),
        candidates=RUN.noisy_candidates,
        voters=lambda wildcards: run_of(wildcards).voters(lambda one: [one.run.noisy]),


use rule vote as vote_halves with:
    input:
        members=lambda wildcards: [
            member.run.halves(wildcards.shard) for member in run_of(wildcards).members
        ],
        thresholds=lambda wildcards: run_of(wildcards).members_thresholds(),
        tomograms=[],
        known=lambda wildcards: run_of(wildcards).known_to_vote(),
        rows=lambda wildcards: run_of(wildcards).rows_to_vote(),
        imported=lambda wildcards: run_of(wildcards).imported_files(),
        settings=run_settings("particles", "vote", "calibrate", "pick"),
    output:
        HALVES,
    log:
        RUN.log("predict_halves", "{shard}"),
    benchmark:
        RUN.cost("predict_halves", "{shard}")
    params:
        version=version_of(HALVES),
        candidates=RUN.half_candidates,
        voters=lambda wildcards: run_of(wildcards).voters(
            lambda one: [one.run.halves(wildcards.shard)]
        ),
