# Supervised training on the labeled tomograms. The shell and `tee` shut their ears to
# the signals that come before a job's end; the training hears them, writes its
# checkpoint and leaves.
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
        # The verb reads from the settings which one; here Snakemake sees it change.
        start_from=[str(path) for path in [settings.burn_in.start_from] if path],
    output:
        model=RUN.model("burn_in"),
        table=RUN.table("burn_in"),
    log:
        RUN.log("burn_in"),
    benchmark:
        RUN.cost("burn_in")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        version=__version__,
        checkpoint=RUN.checkpoint("burn_in"),
    shell:
        r"""
        trap '' TERM USR1 INT
        {params.launch} burn-in --manifests {input.manifests} \
            --settings {input.settings} --method {wildcards.run} \
            --checkpoint {params.checkpoint} --log-table {output.table} \
            --output {output.model} 2>&1 | tee {log}
        """


# Teacher and student. A mended or changed unlabeled tomogram does not train again
# (`ancient`): it is one of many; a changed list of them does, by way of the params.
rule co_train:
    input:
        model=RUN.model("burn_in"),
        labeled=manifests(PREPROCESSED, "labeled", "validation"),
        # To Snakemake one that is not there is not ancient; a dry run follows it.
        unlabeled=[
            path if path in UNTRUE else ancient(path)
            for path in manifests(PREPROCESSED, "unlabeled")
        ],
        settings=settings_files("train", "co_train"),
    output:
        model=RUN.model(),
        table=RUN.table("co_train"),
    log:
        RUN.log("co_train"),
    benchmark:
        RUN.cost("co_train")
    conda:
        "../../envs/picker-cuda.yaml"
    threads: 8
    resources:
        gpu=1,
    params:
        launch=launcher,
        version=__version__,
        checkpoint=RUN.checkpoint("co_train"),
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
