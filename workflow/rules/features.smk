# features: networks → embeddings → probes, one job each a run.


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
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
        gpu=GPUS_PER_JOB,
        gpu_mb=gpu_mb,
    params:
        code=code("embed.py"),
    message:
        "Embed {wildcards.dataset}: lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
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
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        draws=lambda wildcards: settings.probing_of(wildcards.dataset)["draws"],
        settings=probe_settings,
        code=code("probe.py"),
    message:
        "Probe {wildcards.dataset}: lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
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
        f"results/importance/{RUN}/importance.parquet",
    log:
        f"results/logs/importance/{RUN}.log",
    benchmark:
        f"results/benchmarks/importance/{RUN}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(120),
        gpu=GPUS_PER_JOB,
        gpu_mb=gpu_mb,
    params:
        probe=contribution_settings,
        code=code("importance.py"),
    message:
        "Weigh training examples of {wildcards.dataset}: lr {wildcards.lr}, rho {wildcards.rho}, seed {wildcards.seed}"
    script:
        "../scripts/importance.py"
