from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/toy.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/reporting.smk"


rule all:
    default_target: True
    input:
        rules.table1.output if settings.of_features else [],
        rules.table2.output if settings.of_domains else [],
        rules.grid.output,
        rules.figures.input,
    localrule: True


rule plan:
    log:
        "results/logs/plan.log",
    localrule: True
    conda:
        "envs/workflow.yaml"
    params:
        workloads=[settings.workload(dataset) for dataset in settings.datasets],
        toy_parts=list(TOY_PARTS.values()),
        cores=workflow.cores,
    message:
        "Estimate runs, disk and hours"
    script:
        "workflow/scripts/plan.py"
