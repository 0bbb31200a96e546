# reporting: metrics of all runs → tables and figures.
SELECTIONS = expand("results/selection/{dataset}.json", dataset=settings.datasets)
EXAMPLES = expand("results/data/{dataset}/examples.parquet", dataset=settings.datasets)

# What there is to draw figures from, and what each is drawn from.
DRAWABLE = {study: study_files(study) for study in settings.toy.studies}
if "complexity" in settings.toy.studies:
    shown = format_number(settings.toy.shown.complexity)
    DRAWABLE["shown"] = f"results/toy/complexity/complexity={shown}.parquet"
if "dynamics" in settings.toy.studies:
    DRAWABLE.update(rules.toy_dynamics.output.items())
DRAWN_FROM = {
    "figure_01": ["contours", "points"],
    "figure_02": ["complexity"],
    "figure_03": ["points"],
    "figure_04": ["epochs", "shown"],
    "figure_05": ["points"],
    "figure_06": ["interventions", "shown"],
    "figure_07": ["points"],
    "figure_08": ["points"],
    "figure_09": ["noise"],
    "figure_10": ["batch_size"],
    "figure_appendix_d": ["appendix_d"],
}
FIGURES = {
    figure: {name: DRAWABLE[name] for name in names}
    for figure, names in DRAWN_FROM.items()
    if DRAWABLE.keys() >= set(names)
}

# The pages that the report shows.
PAGES = ["claims", "tables/grid"]
if settings.of_features:
    PAGES.append("tables/table1")
if settings.of_domains:
    PAGES.append("tables/table2")


rule collect:
    input:
        histories=expand("results/runs/{run}/history.parquet", run=ALL_RUNS),
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
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=code("collect.py"),
    message:
        "Collect the metrics of all runs"
    script:
        "../scripts/collect.py"


rule table1:
    input:
        runs=rules.collect.output[0],
        selections=expand(
            "results/selection/{dataset}.json", dataset=settings.of_features
        ),
        examples=expand(
            "results/data/{dataset}/examples.parquet", dataset=settings.of_features
        ),
    output:
        csv="results/tables/table1.csv",
        md="results/tables/table1.md",
        tex="results/tables/table1.tex",
        json="results/tables/table1.json",
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        constants=[settings.standing(dataset) for dataset in settings.of_features],
        sources=settings.sources(settings.of_features),
        caption=CAPTIONS["table1"],
        code=code("table1.py"),
    message:
        "Make Table 1"
    script:
        "../scripts/table1.py"


rule table2:
    input:
        runs=rules.collect.output[0],
        selections=expand(
            "results/selection/{dataset}.json", dataset=settings.of_domains
        ),
        examples=expand(
            "results/data/{dataset}/examples.parquet", dataset=settings.of_domains
        ),
    output:
        csv="results/tables/table2.csv",
        md="results/tables/table2.md",
        tex="results/tables/table2.tex",
        json="results/tables/table2.json",
    log:
        "results/logs/table2.log",
    benchmark:
        "results/benchmarks/table2.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        constants=[settings.standing(dataset) for dataset in settings.of_domains],
        networks=[settings.network_of(dataset) for dataset in settings.of_domains],
        sources=settings.sources(settings.of_domains),
        caption=CAPTIONS["table2"],
        code=code("table2.py"),
    message:
        "Make Table 2"
    script:
        "../scripts/table2.py"


rule grid:
    input:
        runs=rules.collect.output[0],
        examples=EXAMPLES,
    output:
        csv="results/tables/grid.csv",
        md="results/tables/grid.md",
        json="results/tables/grid.json",
    log:
        "results/logs/grid.log",
    benchmark:
        "results/benchmarks/grid.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        sources=settings.sources(settings.datasets),
        caption=CAPTIONS["grid"],
        code=code("grid.py"),
    message:
        "Make the table of the whole sweep"
    script:
        "../scripts/grid.py"


rule collect_importance:
    input:
        importance=lambda wildcards: [
            f"results/importance/{run}/importance.parquet"
            for run in selected_runs(wildcards.dataset, "SGD", "SAM")
        ],
        histories=lambda wildcards: [
            f"results/runs/{run}/history.parquet"
            for run in selected_runs(wildcards.dataset, "SGD")
        ],
        probes=lambda wildcards: [
            f"results/probes/{run}/probe.parquet"
            for run in selected_runs(wildcards.dataset, "SGD")
        ],
        examples="results/data/{dataset}/examples.parquet",
    output:
        "results/importance/{dataset}.parquet",
    log:
        "results/logs/collect_importance/{dataset}.log",
    benchmark:
        "results/benchmarks/collect_importance/{dataset}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
    params:
        code=code("collect_importance.py"),
    message:
        "Collect the importance weights of the selected runs: {wildcards.dataset}"
    script:
        "../scripts/collect_importance.py"


rule figure:
    input:
        unpack(lambda wildcards: FIGURES[wildcards.figure]),
    output:
        pdf="results/figures/{figure}.pdf",
        png=report(
            "results/figures/{figure}.png",
            caption="../report/caption.rst",
            category="Figures",
            subcategory="Toy",
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
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        caption=lambda wildcards: CAPTIONS[wildcards.figure],
        remark=settings.toy.remark(),
        sources=by_provenance(settings.toy.all_constants("toy")),
        code=lambda wildcards: code(f"{wildcards.figure}.py"),
    message:
        "Draw {wildcards.figure}"
    script:
        "../scripts/{wildcards.figure}.py"


rule dataset_figure:
    input:
        points=rules.collect_importance.output[0],
    output:
        pdf="results/figures/{figure}_{dataset}.pdf",
        png=report(
            "results/figures/{figure}_{dataset}.png",
            caption="../report/caption.rst",
            category="Figures",
            subcategory="Datasets",
            labels={"figure": "{figure}", "dataset": "{dataset}"},
        ),
        json="results/figures/{figure}_{dataset}.json",
    log:
        "results/logs/{figure}_{dataset}.log",
    benchmark:
        "results/benchmarks/{figure}_{dataset}.tsv"
    wildcard_constraints:
        figure=one_of(OF_IMPORTANCE),
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        caption=lambda wildcards: CAPTIONS[wildcards.figure],
        remark=lambda wildcards: settings.remark(wildcards.dataset),
        sources=lambda wildcards: settings.sources([wildcards.dataset]),
        code=lambda wildcards: code(f"{wildcards.figure}.py"),
    message:
        "Draw {wildcards.figure} of {wildcards.dataset}"
    script:
        "../scripts/{wildcards.figure}.py"


rule sweep_figure:
    input:
        unpack(sweep_files),
        examples="results/data/{dataset}/examples.parquet",
    output:
        pdf="results/figures/{figure}_{dataset}.pdf",
        png=report(
            "results/figures/{figure}_{dataset}.png",
            caption="../report/caption.rst",
            category="Figures",
            subcategory="Beyond the paper",
            labels={"figure": "{figure}", "dataset": "{dataset}"},
        ),
        json="results/figures/{figure}_{dataset}.json",
    log:
        "results/logs/{figure}_{dataset}.log",
    benchmark:
        "results/benchmarks/{figure}_{dataset}.tsv"
    wildcard_constraints:
        figure=one_of(OF_SWEEPS),
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        caption=lambda wildcards: CAPTIONS[wildcards.figure],
        remark=lambda wildcards: settings.remark(wildcards.dataset),
        sources=lambda wildcards: settings.sources([wildcards.dataset]),
        code=lambda wildcards: code(f"{wildcards.figure}.py"),
    message:
        "Draw {wildcards.figure} of {wildcards.dataset}"
    script:
        "../scripts/{wildcards.figure}.py"


use rule sweep_figure as selected_figure with:
    input:
        runs=selected_embeddings,
        examples="results/data/{dataset}/examples.parquet",
    wildcard_constraints:
        figure=one_of(OF_SELECTED),
        # Those of target domains would show ten classes, of one domain.
        dataset=one_of(settings.of_features),


rule figures:
    input:
        expand(
            "results/figures/{figure}.{kind}",
            figure=FIGURES,
            kind=["pdf", "png", "json"],
        ),
        # All of them first: what is drawn of the datasets depends on them.
        SELECTIONS,
        dataset_figures,
        # Those of target domains, of which there are many, are drawn when they are asked for.
        expand(
            "results/figures/{figure}_{dataset}.{kind}",
            figure=OF_SWEEPS,
            dataset=settings.of_features,
            kind=["pdf", "png", "json"],
        ),
        selected_figures,
    localrule: True


rule claims:
    input:
        runs=rules.collect.output[0],
        selections=SELECTIONS,
        examples=EXAMPLES,
        importance=lambda wildcards: expand(
            rules.collect_importance.output[0], dataset=compared()
        ),
        complexity=DRAWABLE.get("complexity", []),
        points=[DRAWABLE["points"]] if "points" in DRAWABLE else [],
        interventions=DRAWABLE.get("interventions", []),
        noise=DRAWABLE.get("noise", []),
        batch_size=DRAWABLE.get("batch_size", []),
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
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        remarks=[settings.remark(dataset) for dataset in settings.datasets],
        toy=[settings.toy.remark()] if settings.toy.studies else [],
        caption=CAPTIONS["claims"],
        sources=settings.sources(settings.datasets)
        | {"toy": by_provenance(settings.toy.all_constants("toy"))},
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
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        caption=lambda wildcards: CAPTIONS[Path(wildcards.page).name],
        remark="",
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
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        code=code("overview.py"),
    message:
        "Begin the report with the overview of the claims"
    script:
        "../scripts/overview.py"
