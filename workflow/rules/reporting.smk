# reporting: metrics of all runs → tables.
SELECTIONS = expand("results/selection/{dataset}.json", dataset=settings.datasets)
EXAMPLES = expand("results/data/{dataset}/examples.parquet", dataset=settings.datasets)


rule collect:
    input:
        histories=expand("results/runs/{run}/history.parquet", run=ALL_RUNS),
        tests=probed("results/embeddings/{run}/test.parquet"),
        probes=probed("results/probes/{run}/probe.parquet"),
        selections=SELECTIONS,
    output:
        "results/tables/runs.parquet",
    log:
        "results/logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("collect.py"),
    message:
        "Collect the metrics of all runs"
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
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        constants=[settings.standing(dataset) for dataset in settings.datasets],
        code=code("table1.py"),
    message:
        "Make Table 1"
    script:
        "../scripts/table1.py"


rule grid:
    input:
        runs=rules.collect.output[0],
        examples=EXAMPLES,
    output:
        csv="results/tables/grid.csv",
        md="results/tables/grid.md",
    log:
        "results/logs/grid.log",
    benchmark:
        "results/benchmarks/grid.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("grid.py"),
    message:
        "Make the table of the whole sweep"
    script:
        "../scripts/grid.py"
