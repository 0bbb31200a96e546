# data: original files → stored images → examples of each split; two rules for each dataset or family.


wildcard_constraints:
    dataset=one_of(settings.datasets),
    original=one_of(SOURCES),
    split=one_of(
        settings.split_of(dataset, seed)
        for dataset in settings.datasets
        for seed in settings.seeds
    ),


rule fetch:
    output:
        # Kept until the job has ended: it downloads nothing that is there and as published.
        update("resources/{original}"),
    log:
        "results/logs/fetch/{original}.log",
    benchmark:
        "results/benchmarks/fetch/{original}.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    message:
        "Download {wildcards.original}"
    script:
        "../scripts/fetch.py"


for spec in settings.specs.values():

    rule:
        name:
            f"prepare_{spec.id}"
        input:
            unpack(lambda wildcards, spec=spec: find_originals(spec)),
        output:
            images=f"results/data/{spec.id}/images.npy",
            table=f"results/data/{spec.id}/images.parquet",
        log:
            f"results/logs/data/{spec.id}.log",
        benchmark:
            f"results/benchmarks/data/{spec.id}.tsv"
        conda:
            "../../envs/workflow.yaml"
        threads: spec.threads
        params:
            dataset=spec.id,
            module=spec.module,
            names=list(settings.originals_of(spec.id)),
            settings=settings.images_of(spec.id),
            code=code("prepare.py", f"data.{spec.module}"),
        message:
            f"Prepare {spec.title}"
        script:
            "../scripts/prepare.py"

    rule:
        name:
            f"split_{spec.id}"
        input:
            images=f"results/data/{spec.id}/images.npy",
            table=f"results/data/{spec.id}/images.parquet",
        output:
            expand(
                "results/data/{dataset}/split={{split}}/examples.parquet",
                dataset=spec.datasets,
            ),
        log:
            f"results/logs/data/{spec.id}/split={{split}}.log",
        benchmark:
            f"results/benchmarks/data/{spec.id}/split={{split}}.tsv"
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        params:
            module=spec.module,
            # No seed changes a published split.
            seed=lambda wildcards: (
                0 if wildcards.split == PUBLISHED_SPLIT else int(wildcards.split)
            ),
            code=code("split.py", f"data.{spec.module}"),
        message:
            f"Split {spec.title}: {{wildcards.split}}"
        script:
            "../scripts/split.py"
