from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/package.smk"


configfile: CONFIG


report: "workflow/report/summary.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/toy.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/reporting.smk"


onstart:
    # Bars of several trainings at a time would be drawn over one another.
    if workflow.resource_settings.cores != 1:
        os.environ[NO_BARS] = "1"
    # End the run before its first job where the results of one could not be written.
    for pattern in ("results/", "results/*/"):
        for folder in Path().glob(pattern):
            if not os.access(folder, os.W_OK):
                raise WorkflowError(f"{folder}: cannot be written to")
    # A plan alone makes no table anew.
    if set(workflow.dag_settings.targets) != {"plan"}:
        files = list(map(os.path.relpath, workflow.configfiles))
        record = Path("results/logs/configuration.json")
        if change := notice_change(record, files, config):
            logger.warning(change)


rule all:
    input:
        expand(rules.table.output, table=TABLES),
        rules.claims.output,
        rules.figures.input,
        expand(rules.page.output, page=PAGES),
        # What these are made of too: Snakemake does not notice that a file in the middle is
        # missing, and a job that fails to make one again removes the old one.
        rules.collect.input,
        rules.toy.input,
        collected_importance,
    localrule: True


rule table1:
    input:
        files_of_table("table1"),
    localrule: True


rule table2:
    input:
        files_of_table("table2"),
    localrule: True


rule plan:
    log:
        "results/logs/plan.log",
    localrule: True
    conda:
        "envs/workflow.yaml"
    params:
        toy_parts=list(TOY_PARTS.values()),
        figures=len(TOY_FIGURES)
        + sum(
            figure.dataset in settings.of_features
            for figure in DATASET_FIGURES.values()
        ),
        tables=len(TABLES) + len(PAGES) + len(SELECTIONS),
        # Asked for when the plan is made alone: a cluster's profile has no number of them.
        cores=lambda wildcards: workflow.cores,
    message:
        "Estimate runs, disk and time"
    script:
        "workflow/scripts/plan.py"
