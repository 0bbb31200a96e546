# training: prepared data → networks, one job for each (dataset, method, lr, rho, seed).


wildcard_constraints:
    method=one_of(settings.methods),
    lr=one_of(run.split("lr=")[1].split("/")[0] for run in RUNS),
    rho=one_of(run.split("rho=")[1].split("/")[0] for run in RUNS),
    seed=one_of(map(str, settings.seeds)),


rule train:
    input:
        images=images_of,
        examples=lambda wildcards: examples_of(wildcards.dataset, wildcards.seed),
        weights=lambda wildcards: [
            as_input(path) for path in settings.weights_of(wildcards.dataset)
        ],
    output:
        model=f"results/runs/{RUN}/model.safetensors",
        snapshots=f"results/runs/{RUN}/snapshots.safetensors",
        history=f"results/runs/{RUN}/history.parquet",
    log:
        f"results/logs/train/{RUN}.log",
    benchmark:
        f"results/benchmarks/train/{RUN}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        gpu=GPUS_PER_JOB,
        gpu_mb=gpu_mb,
    params:
        perturbation=lambda wildcards: METHODS[wildcards.method].perturbation,
        settings=lambda wildcards: settings.training_of(wildcards.dataset).model_dump(),
        code=lambda wildcards: code(
            "train.py", settings.network_module(wildcards.dataset)
        ),
    message:
        "Train on {wildcards.dataset}: {wildcards.method}, lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
    script:
        "../scripts/train.py"


checkpoint select:
    input:
        lambda wildcards: expand(
            "results/runs/{run}/history.parquet",
            run=settings.runs_of(wildcards.dataset),
        ),
    output:
        "results/selection/{dataset}.json",
    log:
        "results/logs/select/{dataset}.log",
    benchmark:
        "results/benchmarks/select/{dataset}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        asked=lambda wildcards: asked_of(wildcards.dataset),
        code=code("select_settings.py"),
    message:
        "Select learning rate and rho on validation data: {wildcards.dataset}"
    script:
        "../scripts/select_settings.py"
