# Methods side by side: every method with every number of labels and every seed, each a
# cell that is trained, predicted and evaluated on its own; then tables and figures.
localrules:
    benchmark,
    write_train,


wildcard_constraints:
    labeled="[0-9]+",
    seed="[0-9]+",


# The settings of training with another seed.
rule write_train:
    output:
        f"{RESULTS.benchmark}/settings/seed_{{seed}}/train.json",
    log:
        RESULTS.log("benchmark", "seed_{seed}"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        content=lambda wildcards: json.dumps(
            {**settings.train.model_dump(mode="json"), "seed": int(wildcards.seed)},
            indent=1,
        ),
    shell:
        r"""
        printf '%s\n' {params.content:q} >{output} 2>{log}
        """


# What all methods of several stages begin with, trained once for them.
rule benchmark_burn_in:
    input:
        manifests=manifests(
            PREPROCESSED, "labeled", "validation", "unlabeled", EVALUATED
        ),
        settings=settings_files(
            "particles", "model", "preprocess", "burn_in", "predict"
        )
        + [rules.write_train.output[0]],
    output:
        model=f"{BURN_IN}/burn_in.safetensors",
        table=f"{BURN_IN}/burn_in.tsv",
    log:
        RESULTS.log("benchmark", "{labeled}_labeled/seed_{seed}", "burn_in"),
    benchmark:
        RESULTS.cost("cells", "{labeled}_labeled/seed_{seed}", "burn_in")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        version=__version__,
        folder=BURN_IN,
        first=first_stage(),
        unlabeled=how_many_unlabeled(),
    shell:
        r"""
        trap '' TERM USR1 INT
        folder={params.folder}
        (
            python -m picker choose --manifests {input.manifests} \
                --labeled {wildcards.labeled} {params.unlabeled} \
                --output $folder/tomograms
            {params.launch} train {params.first} --settings {input.settings} \
                --manifests $folder/tomograms/{{labeled,validation}}.json \
                --checkpoint $folder/burn_in.pt --log-table {output.table} \
                --output {output.model}
        ) 2>&1 | tee {log}
        """


# One training from its labels to its F1. Run again after a failure it goes on: trainings
# from their checkpoints, predictions from the next tomogram. For the trap see train.
rule benchmark_cell:
    input:
        manifests=manifests(
            PREPROCESSED, "labeled", "validation", "unlabeled", EVALUATED
        ),
        settings=settings_files(
            "particles",
            "model",
            "preprocess",
            "burn_in",
            "co_train",
            "predict",
            "calibrate",
            "pick",
            "evaluate",
        )
        + [rules.write_train.output[0]],
        shared=shared_first_stage,
    output:
        f"{CELL}/cell.json",
    log:
        RESULTS.log("benchmark", "{labeled}_labeled/seed_{seed}", "{method}"),
    benchmark:
        RESULTS.cost("cells", "{labeled}_labeled/seed_{seed}", "{method}")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        version=__version__,
        cell=CELL,
        checkpoints=checkpoint_folders,
        models=lambda wildcards: METHODS[wildcards.method].models,
        unlabeled=how_many_unlabeled(),
        feedback=FEEDBACK,
        evaluated=EVALUATED,
        repeats=settings.benchmark.repeats,
    shell:
        r"""
        trap '' TERM USR1 INT
        cell={params.cell}
        settings="--settings {input.settings}"
        (
            python -m picker choose --manifests {input.manifests} \
                --labeled {wildcards.labeled} {params.unlabeled} --output $cell/tomograms
            before=
            for checkpoint in {params.checkpoints}; do
                stage=$(basename $checkpoint .pt)
                {params.launch} train --method {wildcards.method} --stage $stage \
                    --manifests $cell/tomograms/{{labeled,validation,unlabeled}}.json \
                    $before $settings --checkpoint $checkpoint \
                    --log-table $cell/$stage.tsv --output $cell/$stage.safetensors
                before="--before $cell/$stage.safetensors"
            done
            finds=
            for stage in {params.models}; do
                finds="$finds --model $cell/$stage.safetensors"
            done
            finds=${{finds:-"--method {wildcards.method}"}}
            for split in {params.feedback} {params.evaluated}; do
                python -m picker predict $finds $settings \
                    --manifests $cell/tomograms/$split.json \
                    --candidates $cell/candidates --output $cell/$split.json
            done
            known=$cell/{params.feedback}.json
            if [ {params.feedback} = labeled ]; then
                known="$known $cell/noisy.json"
                python -m picker predict --noisy $finds \
                    --manifests $cell/tomograms/labeled.json $settings \
                    --candidates $cell/noisy --output $cell/noisy.json
            fi
            python -m picker calibrate --manifests $known $settings \
                --output $cell/thresholds.json
            python -m picker pick --manifests $cell/{params.evaluated}.json $settings \
                --thresholds $cell/thresholds.json --picks $cell/picks \
                --output $cell/picks.json
            python -m picker evaluate --picks $cell/picks.json $settings \
                --candidates $cell/{params.evaluated}.json --split {params.evaluated} \
                --thresholds $cell/thresholds.json --output $cell/metrics.json \
                --curves $cell/curves.tsv --by-tomogram $cell/by_tomogram.tsv
            python -m picker measure $finds $settings \
                --manifest $cell/tomograms/{params.evaluated}.json \
                --metrics $cell/metrics.json --labeled {wildcards.labeled} \
                --seed {wildcards.seed} --repeats {params.repeats} --output {output}
        ) 2>&1 | tee {log}
        """


# Tables 1 to 4 of the paper, with mean and spread over seeds.
rule benchmark_tables:
    input:
        expand(
            f"{CELL}/cell.json",
            method=settings.benchmark.methods,
            labeled=settings.benchmark.labeled,
            seed=settings.benchmark.seeds,
        ),
    output:
        expand(
            f"{RESULTS.benchmark}/{{name}}.tsv",
            name=[
                "table1_accuracy",
                "table2_particles",
                "table3_ablation",
                "table4_speed",
            ],
        ),
        f"{RESULTS.benchmark}/accuracy.svg",
        f"{RESULTS.benchmark}/speed.svg",
    log:
        RESULTS.log("benchmark", "tables"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
        folder=lambda wildcards: RESULTS.benchmark,
    shell:
        r"""
        python -m picker tables --cells {input} --output {params.folder} \
            >{log} 2>&1
        """


# A target: snakemake benchmark. It asks for the cells too: one that was deleted is made
# again although the tables are there.
rule benchmark:
    input:
        rules.benchmark_tables.input,
        rules.benchmark_tables.output,
