# toy: the studies of Sections 5 and 6, each in parts, on the CPU.


wildcard_constraints:
    part=one_of(part for part in TOY_PARTS if not part.startswith("dynamics/")),


rule toy_study:
    input:
        refuse_unrecorded,
    output:
        "results/toy/{part}.parquet",
    log:
        "results/logs/toy/{part}.log",
    benchmark:
        "results/benchmarks/toy/{part}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: toy_threads
    params:
        axes=lambda wildcards: TOY_PARTS[wildcards.part],
        settings={
            "distribution": settings.toy.distribution.model_dump(),
            "lr": settings.toy.training.lr,
        },
        code=code("toy_study.py"),
    message:
        "Train the toy: {wildcards.part}"
    script:
        "../scripts/toy_study.py"


rule toy_dynamics:
    input:
        refuse_unrecorded,
    output:
        runs="results/toy/dynamics/runs.parquet",
        epochs="results/toy/dynamics/epochs.parquet",
        points="results/toy/dynamics/points.parquet",
        contours="results/toy/dynamics/contours.parquet",
        networks="results/toy/dynamics/networks.safetensors",
    log:
        "results/logs/toy/dynamics.log",
    benchmark:
        "results/benchmarks/toy/dynamics.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        axes=STUDY_PARTS["dynamics"]["dynamics/runs"],
        settings={
            "distribution": settings.toy.distribution.model_dump(),
            "lr": settings.toy.training.lr,
            "snapshot_epochs": settings.toy.grid.snapshot_epochs,
            "rho": settings.toy.shown.rho,
        },
        code=code("toy_dynamics.py"),
    message:
        "Train the toy study of dynamics"
    script:
        "../scripts/toy_dynamics.py"


rule perturb_toy:
    input:
        runs=rules.toy_dynamics.output.runs,
        networks=rules.toy_dynamics.output.networks,
    output:
        "results/toy/appendix_d/toy.parquet",
    log:
        "results/logs/toy/appendix_d/toy.log",
    benchmark:
        "results/benchmarks/toy/appendix_d/toy.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        rho=settings.toy.shown.rho,
        code=code("perturb.py"),
    message:
        "Perturb single examples of the toy"
    script:
        "../scripts/perturb.py"


rule perturb_network:
    input:
        images=rules.train.input.images,
        examples=lambda wildcards: examples_of(
            wildcards.dataset, first_sgd_run(wildcards).rpartition("=")[2]
        ),
        model=lambda wildcards: f"results/runs/{first_sgd_run(wildcards)}/model.safetensors",
        history=lambda wildcards: f"results/runs/{first_sgd_run(wildcards)}/history.parquet",
    output:
        "results/toy/appendix_d/{dataset}.parquet",
    log:
        "results/logs/toy/appendix_d/{dataset}.log",
    benchmark:
        "results/benchmarks/toy/appendix_d/{dataset}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        rho=settings.toy.shown.network_rho,
        code=lambda wildcards: code(
            "perturb.py", settings.network_module(wildcards.dataset)
        ),
    message:
        "Perturb single examples of a network: {wildcards.dataset}"
    script:
        "../scripts/perturb.py"


rule toy_constants:
    input:
        constants_files,
    output:
        csv="results/tables/toy_constants.csv",
        md="results/tables/toy_constants.md",
    log:
        "results/logs/toy/constants.log",
    benchmark:
        "results/benchmarks/toy/constants.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        code=code("toy_constants.py"),
    message:
        "Tabulate the toy's lost constants"
    script:
        "../scripts/toy_constants.py"


rule toy:
    input:
        [study_files(study) for study in settings.toy.studies],
        rules.toy_constants.output if "constants" in settings.toy.studies else [],
    localrule: True
