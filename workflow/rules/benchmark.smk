# Methods side by side: each with every number of labels and every seed is a run of its
# own, a cell, whose jobs are those of any run; then tables and figures.
CELL = RESULTS.cell("{labeled}", "{seed}", "{method}")


localrules:
    benchmark,
    choose,
    write_seed,
    write_variant,
    write_variants_seed,


wildcard_constraints:
    labeled="[0-9]+",
    seed="[0-9]+",
    method=VARIED,
    variant="[a-z_]+-[a-z0-9_]+",


# The settings of training with another seed.
rule write_seed:
    output:
        RESULTS.seed_settings("{seed}"),
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


# The same of a variant that changes them.
use rule write_seed as write_variants_seed with:
    output:
        RESULTS.seed_settings("{seed}", "{variant}"),
    log:
        RESULTS.log("benchmark", "settings", "{variant}", "seed_{seed}"),
    params:
        content=lambda wildcards: json.dumps(
            {
                **PLAN.variants[wildcards.variant].train.model_dump(mode="json"),
                "seed": int(wildcards.seed),
            },
            indent=1,
        ),


# Another section that a variant changes.
use rule write_seed as write_variant with:
    output:
        RESULTS.variant_settings("{variant}", "{section}"),
    log:
        RESULTS.log("benchmark", "settings", "{variant}", "{section}"),
    params:
        content=lambda wildcards: json.dumps(
            PLAN.variants[wildcards.variant].model_dump(mode="json")[
                wildcards.section
            ],
            indent=1,
        ),


# The first tomograms of a split, as a shard.
rule choose:
    input:
        lambda wildcards: map(RESULTS.preprocessed, PLAN.shard_names(wildcards.split)),
    output:
        RESULTS.preprocessed(first_shard("{split}", "{number}")),
    log:
        RESULTS.log("benchmark", first_shard("{split}", "{number}")),
    wildcard_constraints:
        split="[a-z]+",
        number="[0-9]+",
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        version=__version__,
    shell:
        r"""
        python -m picker choose --manifests {input} --split {wildcards.split} \
            --number {wildcards.number} --output {output} >{log} 2>&1
        """


# How fast a cell's model finds, and how well.
rule measure:
    input:
        models=lambda wildcards: cell_of(wildcards).models(),
        members=lambda wildcards: [m.run.measured for m in cell_of(wildcards).members],
        picks=CELL.picked,
        failed=CELL.failed("evaluate"),
        metrics=CELL.metrics,
        settings=lambda wildcards: (
            cell_of(wildcards).finding_settings()
            + cell_of(wildcards).linking_settings()
        ),
        maps=lambda wildcards: cell_of(wildcards).density_maps(),
    output:
        CELL.measured,
    log:
        CELL.log("measure"),
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        version=__version__,
        finds=lambda wildcards, input: (
            f"--members {input.members}"
            if input.members
            else cell_of(wildcards).finds()
        ),
        variant=lambda wildcards: cell_of(wildcards).run.variant,
        repeats=settings.benchmark.repeats,
    shell:
        r"""
        python -m picker measure {params.finds} --settings {input.settings} \
            --picks {input.picks} --failed {input.failed} --metrics {input.metrics} \
            --variant={params.variant} --labeled {wildcards.labeled} \
            --seed {wildcards.seed} \
            --repeats {params.repeats} --output {output} >{log} 2>&1
        """


# Tables 1 to 4 of the paper, with mean and spread over seeds.
rule tables:
    input:
        compared_cells,
    output:
        report(
            expand(
                f"{RESULTS.benchmark}/{{name}}",
                name=[
                    "table1_accuracy.tsv",
                    "table2_particles.tsv",
                    "table3_ablation.tsv",
                    "table4_speed.tsv",
                    "accuracy.svg",
                    "speed.svg",
                ],
            ),
            caption="../report/benchmark.rst",
            category="Benchmark",
        ),
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
        rules.tables.input,
        rules.tables.output,
        [cell.tuned("tuned.yaml") for cell in PLAN.tuned_cells()],
