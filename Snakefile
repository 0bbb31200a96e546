from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/summary.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/toy.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/reporting.smk"


onstart:
    require_writable()


rule all:
    default_target: True
    input:
        rules.table1.output if settings.of_features else [],
        rules.table2.output if settings.of_domains else [],
        rules.grid.output,
        rules.claims.output,
        rules.figures.input,
        expand(rules.page.output, page=PAGES),
        rules.overview.output,
        # What these are made of too: Snakemake does not miss a file in the middle by itself, and a
        # job that fails to make one again removes the old one.
        rules.collect.input,
        rules.toy.input,
        selected_importance,
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
        # Asked for when the plan is made alone: a cluster's profile has no number of them.
        cores=lambda wildcards: workflow.cores,
    message:
        "Estimate runs, disk and hours"
    script:
        "workflow/scripts/plan.py"
