# data: original files → prepared images and examples, one rule for each dataset or family.


wildcard_constraints:
    dataset=one_of(settings.datasets),
    original=one_of(SOURCES),


rule fetch:
    output:
        "resources/{original}",
    log:
        "results/logs/fetch/{original}.log",
    benchmark:
        "results/benchmarks/fetch/{original}.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        code=code("fetch.py"),
    message:
        "Download {wildcards.original}"
    script:
        "../scripts/fetch.py"


for spec in SPECS.values():

    rule:
        name:
            f"prepare_{spec.id}"
        input:
            unpack(lambda wildcards, spec=spec: find_originals(spec)),
        output:
            images=f"results/data/{spec.id}/images.npy",
            examples=expand(
                "results/data/{dataset}/examples.parquet", dataset=spec.datasets
            ),
        log:
            f"results/logs/data/{spec.id}.log",
        benchmark:
            f"results/benchmarks/data/{spec.id}.tsv"
        conda:
            "../../envs/workflow.yaml"
        threads: spec.threads
        params:
            dataset=spec.id,
            names=list(settings.originals_of(spec.id)),
            settings=settings.images_of(spec.id),
            data_seed=settings.data_seed,
            code=code("prepare.py", f"data.{spec.id}"),
        message:
            f"Prepare {spec.title}"
        script:
            "../scripts/prepare.py"
