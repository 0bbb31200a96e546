# reporting: metrics of all runs → tables, figures, claims, and their pages in the report.
from feature_quality.reporting.registry import CLAIMS_CAPTION, figures, tables

EXAMPLES = expand("results/data/{dataset}/examples.parquet", dataset=settings.datasets)
TABLES = {
    name: (table, chosen)
    for name, table in tables().items()
    if (
        chosen := {
            "features": settings.of_features,
            "domains": settings.of_domains,
            "all": settings.datasets,
        }[table.datasets]
    )
}
PAGES = ["claims", *(f"tables/{name}" for name in TABLES)]

# What figures are drawn from, by the names that their modules call it: of the toy …
TOY_FILES = {study: study_files(study) for study in settings.toy.studies}
if "complexity" in settings.toy.studies:
    shown = format_number(settings.toy.shown.complexity)
    TOY_FILES["shown"] = f"results/toy/complexity/complexity={shown}.parquet"
if "dynamics" in settings.toy.studies:
    TOY_FILES.update(rules.toy_dynamics.output.items())
# … and of a dataset, on which a method is compared with SGD.
DATASET_FILES = {
    "examples": lambda dataset, method: f"results/data/{dataset}/examples.parquet",
    "runs": lambda dataset, method: "results/tables/runs.parquet",
    "histories": lambda dataset, method: expand(
        "results/runs/{run}/history.parquet",
        run=settings.runs_of(dataset, BASELINE.name, method),
    ),
    "importance": lambda dataset, method: f"results/importance/{dataset}/{method}.parquet",
    "embeddings": lambda dataset, method: [
        f"results/embeddings/{first_finished(dataset, each)}/probe_test.parquet"
        for each in (BASELINE.name, method)
    ],
    "tests": lambda dataset, method: expand(
        "results/embeddings/{run}/test.parquet",
        run=selected_runs(dataset, BASELINE.name, method),
    ),
}
# These are of the selected runs, and of two features; the others can be drawn of any dataset.
OF_SELECTED = {"importance", "embeddings", "tests"}
SPECS_OF_FIGURES = figures()
# The figures: for each its module, and the dataset and the method, or none for the toy.
TOY_FIGURES = {
    figure: (figure, None, None)
    for figure, spec in SPECS_OF_FIGURES.items()
    if "toy" in spec.inputs and TOY_FILES.keys() >= set(spec.inputs["toy"])
}
DATASET_FIGURES = {
    f"{figure}_{dataset}_{method}": (figure, dataset, method)
    for figure, spec in SPECS_OF_FIGURES.items()
    for dataset in settings.datasets
    for method in settings.compared_methods
    if "dataset" in spec.inputs
    and (dataset in settings.of_features or not OF_SELECTED & {*spec.inputs["dataset"]})
}
FIGURES = TOY_FIGURES | DATASET_FIGURES


def first_finished(dataset, method):
    """Of the setting that was chosen for a method, the run of the first seed that finished."""
    selection = selection_of(dataset)
    if method not in selection["choices"]:
        raise WorkflowError(
            f"{dataset}: no run of {method} has finished; there is nothing to compare"
        )
    choice = selection["choices"][method]
    finished = next(
        candidate["finished"]
        for candidate in selection["candidates"]
        if (candidate["method"], candidate["lr"], candidate["rho"])
        == (method, choice["lr"], choice["rho"])
    )
    return RUN.format(
        dataset=dataset,
        method=method,
        lr=format_number(choice["lr"]),
        rho=format_number(choice["rho"]),
        seed=finished[0],
    )


def compared(dataset, method):
    """Say whether a method and SGD both have a run that finished."""
    return {BASELINE.name, method} <= selection_of(dataset)["choices"].keys()


def figure_files(wildcards):
    """What a figure is drawn from."""
    figure, dataset, method = FIGURES[wildcards.figure]
    if not dataset:
        return {
            name: TOY_FILES[name] for name in SPECS_OF_FIGURES[figure].inputs["toy"]
        }
    names = SPECS_OF_FIGURES[figure].inputs["dataset"]
    if OF_SELECTED & {*names}:
        for each in (BASELINE.name, method):
            first_finished(dataset, each)
    return {name: DATASET_FILES[name](dataset, method) for name in names}


def selected_figures(wildcards):
    """The figures of selected runs, where both methods have a run that finished."""
    return [
        name
        for name, (figure, dataset, method) in DATASET_FIGURES.items()
        if OF_SELECTED & {*SPECS_OF_FIGURES[figure].inputs["dataset"]}
        and compared(dataset, method)
    ]


def collected_importance(wildcards):
    """The weights of examples of all methods that can be compared."""
    return [
        f"results/importance/{dataset}/{method}.parquet"
        for dataset in settings.of_features
        for method in settings.compared_methods
        if compared(dataset, method)
    ]


def probed(pattern):
    """An input function: ``pattern`` for every run that is to be probed."""

    def files(wildcards):
        if settings.probe_runs == "all":
            return expand(pattern, run=RUNS)
        return [
            pattern.format(run=run)
            for dataset in settings.datasets
            for run in selected_runs(dataset)
        ]

    return files


rule collect:
    input:
        histories=expand("results/runs/{run}/history.parquet", run=RUNS),
        tests=probed("results/embeddings/{run}/test.parquet"),
        probes=probed("results/probes/{run}/probe.parquet"),
        selections=SELECTIONS,
        examples=EXAMPLES,
    output:
        "results/tables/runs.parquet",
    log:
        "results/logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        code=code("collect.py"),
    message:
        "Collect the metrics of all runs"
    script:
        "../scripts/collect.py"


rule table:
    input:
        runs=rules.collect.output[0],
        selections=lambda wildcards: expand(
            "results/selection/{dataset}.json", dataset=TABLES[wildcards.table][1]
        ),
        examples=lambda wildcards: expand(
            "results/data/{dataset}/examples.parquet",
            dataset=TABLES[wildcards.table][1],
        ),
    output:
        csv="results/tables/{table}.csv",
        md="results/tables/{table}.md",
        tex="results/tables/{table}.tex",
        json="results/tables/{table}.json",
    log:
        "results/logs/{table}.log",
    benchmark:
        "results/benchmarks/{table}.tsv"
    wildcard_constraints:
        table=one_of(TABLES),
    conda:
        "../../envs/workflow.yaml"
    params:
        table="{table}",
        constants=lambda wildcards: [
            settings.provenance_summary(dataset)
            for dataset in TABLES[wildcards.table][1]
        ],
        networks=lambda wildcards: [
            settings.network_of(dataset) for dataset in TABLES[wildcards.table][1]
        ],
        sources=lambda wildcards: settings.sources(TABLES[wildcards.table][1]),
        caption=lambda wildcards: TABLES[wildcards.table][0].caption,
        code=lambda wildcards: code("table.py", f"reporting.tables.{wildcards.table}"),
    message:
        "Make {wildcards.table}"
    script:
        "../scripts/table.py"


rule figure:
    input:
        unpack(figure_files),
    output:
        pdf="results/figures/{figure}.pdf",
        png=report(
            "results/figures/{figure}.png",
            caption="../report/caption.rst",
            category="Figures",
            subcategory=lambda wildcards: (
                "Toy" if wildcards.figure in TOY_FIGURES else "Datasets"
            ),
            labels={"figure": "{figure}"},
        ),
        json="results/figures/{figure}.json",
    log:
        "results/logs/{figure}.log",
    benchmark:
        "results/benchmarks/{figure}.tsv"
    wildcard_constraints:
        figure=one_of(FIGURES),
    conda:
        "../../envs/workflow.yaml"
    params:
        figure=lambda wildcards: FIGURES[wildcards.figure][0],
        method=lambda wildcards: FIGURES[wildcards.figure][2],
        caption=lambda wildcards: SPECS_OF_FIGURES[FIGURES[wildcards.figure][0]].caption,
        run_note=lambda wildcards: (
            settings.run_note(FIGURES[wildcards.figure][1])
            if wildcards.figure in DATASET_FIGURES
            else settings.toy.run_note()
        ),
        sources=lambda wildcards: (
            settings.sources([FIGURES[wildcards.figure][1]])
            if wildcards.figure in DATASET_FIGURES
            else settings.toy.sources()
        ),
        code=lambda wildcards: code(
            "figure.py", f"reporting.figures.{FIGURES[wildcards.figure][0]}"
        ),
    message:
        "Draw {wildcards.figure}"
    script:
        "../scripts/figure.py"


rule claims:
    input:
        runs=rules.collect.output[0],
        selections=SELECTIONS,
        examples=EXAMPLES,
        importance=collected_importance,
        complexity=TOY_FILES.get("complexity", []),
        points=TOY_FILES.get("points", []),
        interventions=TOY_FILES.get("interventions", []),
        noise=TOY_FILES.get("noise", []),
        batch_size=TOY_FILES.get("batch_size", []),
    output:
        csv="results/claims.csv",
        md="results/claims.md",
        json="results/claims.json",
    log:
        "results/logs/claims.log",
    benchmark:
        "results/benchmarks/claims.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        run_notes=[settings.run_note(dataset) for dataset in settings.datasets],
        toy=[settings.toy.run_note()] if settings.toy.studies else [],
        caption=CLAIMS_CAPTION,
        sources=settings.sources(settings.datasets) | {"toy": settings.toy.sources()},
        code=code("claims.py"),
    message:
        "Check the paper's claims"
    script:
        "../scripts/claims.py"


rule page:
    input:
        "results/{page}.md",
    output:
        report(
            "results/report/{page}.html",
            caption="../report/caption.rst",
            category="Tables and claims",
            labels={"page": "{page}"},
        ),
    log:
        "results/logs/report/{page}.log",
    benchmark:
        "results/benchmarks/report/{page}.tsv"
    wildcard_constraints:
        page=one_of(PAGES),
    conda:
        "../../envs/workflow.yaml"
    params:
        caption=lambda wildcards: (
            CLAIMS_CAPTION
            if wildcards.page == "claims"
            else TABLES[Path(wildcards.page).name][0].caption
        ),
        run_note="",
        code=code("page.py"),
    message:
        "Show {wildcards.page} in the report"
    script:
        "../scripts/page.py"


rule overview:
    input:
        rules.claims.output.md,
    output:
        "results/report/overview.html",
    log:
        "results/logs/report/overview.log",
    benchmark:
        "results/benchmarks/report/overview.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        code=code("overview.py"),
    message:
        "Begin the report with the overview of the claims"
    script:
        "../scripts/overview.py"


rule figures:
    input:
        # All of them first: which figures of the datasets there are depends on them.
        SELECTIONS,
        expand(
            "results/figures/{figure}.{kind}",
            figure=[
                *TOY_FIGURES,
                # Those of target domains, of which there are many, are drawn when asked for.
                *(
                    name
                    for name, (figure, dataset, method) in DATASET_FIGURES.items()
                    if dataset in settings.of_features
                    and not OF_SELECTED & {*SPECS_OF_FIGURES[figure].inputs["dataset"]}
                ),
            ],
            kind=["pdf", "png", "json"],
        ),
        lambda wildcards: expand(
            "results/figures/{figure}.{kind}",
            figure=selected_figures(wildcards),
            kind=["pdf", "png", "json"],
        ),
    localrule: True
