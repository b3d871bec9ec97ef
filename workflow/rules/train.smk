# Supervised training on the labeled tomograms. The shell and `tee` ignore the signals
# that come before a job's end; the training receives them, writes its checkpoint and
# ends.
rule burn_in:
    input:
        manifests=manifests(
            PREPROCESSED,
            "labeled",
            "validation",
            *(["unlabeled"] if METHODS[METHOD].all_labels else []),
        ),
        # Burn-in alone trains for the steps of both stages.
        settings=settings_files(
            "particles",
            "model",
            "preprocess",
            "train",
            "burn_in",
            *([] if METHODS[METHOD].co_trains else ["co_train"]),
        ),
        # The verb reads the path from the settings; here Snakemake sees the file change.
        start_from=[str(path) for path in [settings.burn_in.start_from] if path],
    output:
        model="results/{method}/models/burn_in.safetensors",
        table="results/{method}/models/burn_in.tsv",
    log:
        "results/logs/{method}/burn_in.log",
    benchmark:
        "results/benchmarks/{method}/burn_in.tsv"
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        version=__version__,
        checkpoint="results/{method}/checkpoints/burn_in.pt",
    shell:
        r"""
        trap '' TERM USR1 INT
        {params.launch} burn-in --manifests {input.manifests} \
            --settings {input.settings} --method {wildcards.method} \
            --checkpoint {params.checkpoint} --log-table {output.table} \
            --output {output.model} 2>&1 | tee {log}
        """


# Teacher and student. A fixed or changed unlabeled tomogram does not train again
# (`ancient`): it is one of many. A changed list of them does, through the params.
rule co_train:
    input:
        model="results/{method}/models/burn_in.safetensors",
        labeled=manifests(PREPROCESSED, "labeled", "validation"),
        # A missing file is not ancient to Snakemake; a dry run does the same.
        unlabeled=[
            path if path in UNTRUE else ancient(path)
            for path in manifests(PREPROCESSED, "unlabeled")
        ],
        settings=settings_files("train", "co_train"),
    output:
        model="results/{method}/models/model.safetensors",
        table="results/{method}/models/co_train.tsv",
    log:
        "results/logs/{method}/co_train.log",
    benchmark:
        "results/benchmarks/{method}/co_train.tsv"
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        version=__version__,
        checkpoint="results/{method}/checkpoints/co_train.pt",
        unlabeled=names_digest("unlabeled"),
    shell:
        r"""
        trap '' TERM USR1 INT
        {params.launch} co-train --model {input.model} \
            --manifests {input.labeled} {input.unlabeled} \
            --settings {input.settings} \
            --checkpoint {params.checkpoint} --log-table {output.table} \
            --output {output.model} 2>&1 | tee {log}
        """
