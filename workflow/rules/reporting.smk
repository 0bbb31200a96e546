# reporting: metrics of all runs → tables, figures, claims, and their pages in the report.


rule collect:
    input:
        histories=expand("results/runs/{run}/history.parquet", run=RUNS),
        tests=probed("results/embeddings/{run}/test.parquet"),
        probes=probed("results/probes/{run}/probe.parquet"),
        selections=SELECTIONS,
        examples=[
            examples_of(dataset, seed)
            for dataset in settings.datasets
            for seed in settings.seeds
        ],
    output:
        runs="results/tables/runs.parquet",
        bootstrap="results/tables/bootstrap.parquet",
    log:
        "results/logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        asked={dataset: asked_of(dataset) for dataset in settings.datasets},
        probe={
            dataset: settings.probe_settings(dataset)
            | {"draws": settings.probing_of(dataset)["draws"]}
            for dataset in settings.datasets
        },
        seeds=settings.seeds,
        code=code("collect.py"),
    message:
        "Collect the metrics of all runs"
    script:
        "../scripts/collect.py"


rule table:
    input:
        runs=rules.collect.output.runs,
        selections=of_table("results/selection/{dataset}.json"),
        examples=lambda wildcards: list(
            map(examples_of, TABLES[wildcards.table].datasets)
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
        datasets=lambda wildcards: [
            settings.provenance_summary(each)
            | settings.network_of(each)
            | {"reference": settings.reference.get(each, {})}
            for each in TABLES[wildcards.table].datasets
        ],
        sources=lambda wildcards: settings.sources(TABLES[wildcards.table].datasets),
        caption=lambda wildcards: TABLES[wildcards.table].spec.caption,
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
            caption="../report/figure.rst",
            category="Figures",
            subcategory=lambda wildcards: figure_of(wildcards)[0],
            labels=lambda wildcards: {"figure": figure_of(wildcards)[1]},
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
        figure=lambda wildcards: FIGURES[wildcards.figure].id,
        method=lambda wildcards: FIGURES[wildcards.figure].method,
        caption=lambda wildcards: FIGURES[wildcards.figure].spec.caption,
        run_note=lambda wildcards: run_note_of(FIGURES[wildcards.figure]),
        sources=lambda wildcards: (
            settings.sources([FIGURES[wildcards.figure].dataset])
            if wildcards.figure in DATASET_FIGURES
            else settings.toy.sources()
        ),
        code=lambda wildcards: code(
            "figure.py", f"reporting.figures.{FIGURES[wildcards.figure].id}"
        ),
    message:
        "Draw {wildcards.figure}"
    script:
        "../scripts/figure.py"


rule claims:
    input:
        runs=rules.collect.output.runs,
        bootstrap=rules.collect.output.bootstrap,
        selections=SELECTIONS,
        examples=EXAMPLES,
        importance=collected_importance,
        complexity=TOY_FILES.get("complexity", []),
        points=TOY_FILES.get("points", []),
        interventions=TOY_FILES.get("interventions", []),
        effects=TOY_FILES.get("effects", []),
        noise=TOY_FILES.get("noise", []),
        batch_size=TOY_FILES.get("batch_size", []),
        appendix_d=TOY_FILES.get("appendix_d", []),
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
        toy_batch_size=settings.toy.training.batch_size,
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
            labels=page_labels,
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
            else TABLES[Path(wildcards.page).name].spec.caption
        ),
        code=code("page.py"),
    message:
        "Show {wildcards.page} in the report"
    script:
        "../scripts/page.py"


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
                    for name, figure in DATASET_FIGURES.items()
                    if figure.dataset in settings.of_features
                    and not figure.of_selected
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
