# training: prepared data → networks, one job a (dataset, lr, rho, seed); rho = 0 is SGD.


rule train:
    input:
        images=images_of,
        examples="results/data/{dataset}/examples.parquet",
        pretrained=pretrained_weights,
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
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(720),
        gpu=GPUS_PER_JOB,
        gpu_mb=gpu_mb,
    params:
        # Not an output: those of a job that fails are deleted.
        checkpoint=f"results/runs/{RUN}/checkpoint.safetensors",
        settings=lambda wildcards: settings.training_of(wildcards.dataset).model_dump(),
        code=code("train.py"),
    message:
        "Train on {wildcards.dataset}: lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
    script:
        "../scripts/train.py"


checkpoint select_settings:
    input:
        lambda wildcards: [
            f"results/runs/{run}/history.parquet"
            for run in settings.runs_of(wildcards.dataset)
        ],
    output:
        "results/selection/{dataset}.json",
    log:
        "results/logs/select_settings/{dataset}.log",
    benchmark:
        "results/benchmarks/select_settings/{dataset}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("select_settings.py"),
    message:
        "Select learning rate and rho on validation data: {wildcards.dataset}"
    script:
        "../scripts/select_settings.py"
