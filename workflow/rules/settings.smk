localrules:
    write_settings,
    write_shard,


# One section of the settings; written again only when that section changes.
rule write_settings:
    output:
        RESULTS.settings("{section}"),
    log:
        RESULTS.log("settings", "{section}"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        content=lambda wildcards: json.dumps(
            settings.model_dump(mode="json")[wildcards.section], indent=1
        ),
    shell:
        r"""
        printf '%s\n' {params.content:q} >{output} 2>{log}
        """


# The rows of one shard; a table with more tomograms leaves the other shards alone.
rule write_shard:
    output:
        RESULTS.rows("{shard}"),
    log:
        RESULTS.log("settings", "{shard}"),
    conda:
        "../../envs/picker-cpu.yaml"
    params:
        content=lambda wildcards: PLAN.rows_text(wildcards.shard),
    shell:
        r"""
        printf '%s\n' {params.content:q} >{output} 2>{log}
        """
