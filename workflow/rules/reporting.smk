# reporting: metrics of all runs → tables.
import json

SELECTIONS = expand("results/selection/{dataset}.json", dataset=settings.datasets)
EXAMPLES = expand("results/data/{dataset}/examples.parquet", dataset=settings.datasets)
ALL_RUNS = [run for dataset in settings.datasets for run in runs_of(dataset)]


def probed(pattern):
    """An input function: ``pattern`` for every run that is to be probed."""

    def runs(wildcards):
        if settings.probe_runs == "all":
            return expand(pattern, run=ALL_RUNS)
        return [
            pattern.format(run=run)
            for dataset in settings.datasets
            for run in selected_runs(dataset)
        ]

    return runs


def selected_runs(dataset):
    """The runs of the settings that were chosen; asking waits for the selection."""
    with checkpoints.select_settings.get(dataset=dataset).output[0].open() as file:
        choices = json.load(file)["choices"].values()
    settings_chosen = {(spell(choice["lr"]), spell(choice["rho"])) for choice in choices}
    return [
        RUN.format(dataset=dataset, lr=lr, rho=rho, seed=seed)
        for lr, rho in sorted(settings_chosen)
        for seed in settings.seeds
    ]


def constants_of(dataset):
    """The weakest provenance behind a dataset's results, and its departures, in words."""
    constants = settings.constants_of(dataset)
    return {
        "provenance": weakest([constant.provenance for constant in constants]).value,
        "departures": tuple(
            f"{constant.key} is {constant.value}, documented {constant.documented}."
            for constant in constants
            if constant.departs
        ),
    }


rule collect:
    input:
        histories=expand("results/runs/{run}/history.parquet", run=ALL_RUNS),
        tests=probed("results/embeddings/{run}/test.parquet"),
        probes=probed("results/probes/{run}/probe.parquet"),
        selections=SELECTIONS,
    output:
        "results/tables/runs.parquet",
    params:
        code=code("collect.py"),
    log:
        "results/logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    message:
        "Collect the metrics of all runs"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/collect.py"


rule table1:
    input:
        runs=rules.collect.output[0],
        selections=SELECTIONS,
        examples=EXAMPLES,
    output:
        csv="results/tables/table1.csv",
        md="results/tables/table1.md",
        tex="results/tables/table1.tex",
    params:
        constants=[constants_of(dataset) for dataset in settings.datasets],
        code=code("table1.py"),
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    message:
        "Make Table 1"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/table1.py"


rule grid:
    input:
        runs=rules.collect.output[0],
        examples=EXAMPLES,
    output:
        csv="results/tables/grid.csv",
        md="results/tables/grid.md",
    params:
        code=code("grid.py"),
    log:
        "results/logs/grid.log",
    benchmark:
        "results/benchmarks/grid.tsv"
    message:
        "Make the table of the whole sweep"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/grid.py"
