# features: networks → embeddings → probes, one job each for a run; weights of training examples.
wildcard_constraints:
    compared=one_of(settings.compared_methods),


rule embed:
    input:
        images=rules.train.input.images,
        examples=rules.train.input.examples,
        model=rules.train.output.model,
        history=rules.train.output.history,
    output:
        probe_train=f"results/embeddings/{RUN}/probe_train.parquet",
        probe_test=f"results/embeddings/{RUN}/probe_test.parquet",
        test=f"results/embeddings/{RUN}/test.parquet",
    log:
        f"results/logs/embed/{RUN}.log",
    benchmark:
        f"results/benchmarks/embed/{RUN}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        gpu=GPUS_PER_JOB,
        gpu_mb=gpu_mb,
    params:
        code=lambda wildcards: code(
            "embed.py", settings.network_module(wildcards.dataset)
        ),
    message:
        "Embed {wildcards.dataset}: {wildcards.method}, lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
    script:
        "../scripts/embed.py"


rule probe:
    input:
        examples=rules.train.input.examples,
        train=rules.embed.output.probe_train,
        test=rules.embed.output.probe_test,
    output:
        f"results/probes/{RUN}/probe.parquet",
    log:
        f"results/logs/probe/{RUN}.log",
    benchmark:
        f"results/benchmarks/probe/{RUN}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        draws=lambda wildcards: settings.probing_of(wildcards.dataset)["draws"],
        settings=lambda wildcards: settings.probe_settings(wildcards.dataset),
        code=code("probe.py"),
    message:
        "Probe {wildcards.dataset}: {wildcards.method}, lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
    script:
        "../scripts/probe.py"


rule importance:
    input:
        images=rules.train.input.images,
        examples=rules.train.input.examples,
        model=rules.train.output.model,
        snapshots=rules.train.output.snapshots,
        history=rules.train.output.history,
        selection="results/selection/{dataset}.json",
    output:
        f"results/importance/{RUN}/{{compared}}.parquet",
    log:
        f"results/logs/importance/{RUN}/{{compared}}.log",
    benchmark:
        f"results/benchmarks/importance/{RUN}/{{compared}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        gpu=GPUS_PER_JOB,
        gpu_mb=gpu_mb,
    params:
        perturbation=lambda wildcards: METHODS[wildcards.compared].perturbation,
        probe=lambda wildcards: settings.contribution_settings(wildcards.dataset),
        code=lambda wildcards: code(
            "importance.py", settings.network_module(wildcards.dataset)
        ),
    message:
        "Weigh training examples of {wildcards.dataset}: {wildcards.method}, lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}, perturbed by {wildcards.compared}"
    script:
        "../scripts/importance.py"


rule collect_importance:
    input:
        importance=lambda wildcards: expand(
            "results/importance/{run}/{compared}.parquet",
            run=selected_runs(wildcards.dataset, BASELINE.name, wildcards.compared),
            compared=wildcards.compared,
        ),
        histories=lambda wildcards: expand(
            "results/runs/{run}/history.parquet",
            run=selected_runs(wildcards.dataset, BASELINE.name),
        ),
        probes=lambda wildcards: expand(
            "results/probes/{run}/probe.parquet",
            run=selected_runs(wildcards.dataset, BASELINE.name),
        ),
        examples=lambda wildcards: examples_of(wildcards.dataset),
    output:
        "results/importance/{dataset}/{compared}.parquet",
    log:
        "results/logs/collect_importance/{dataset}_{compared}.log",
    benchmark:
        "results/benchmarks/collect_importance/{dataset}_{compared}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        asked=lambda wildcards: {
            "settings": asked_of(wildcards.dataset)["settings"],
            "probe": settings.contribution_settings(wildcards.dataset),
        },
        code=code("collect_importance.py"),
    message:
        "Collect the importance weights of SGD and {wildcards.compared}: {wildcards.dataset}"
    script:
        "../scripts/collect_importance.py"
