# data: original files → prepared images and examples.


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
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(60),
    params:
        code=code("fetch.py"),
    message:
        "Download {wildcards.original}"
    script:
        "../scripts/fetch.py"


rule prepare_digits_photos:
    output:
        images="results/data/digits_photos/images.npy",
        examples="results/data/digits_photos/examples.parquet",
    log:
        "results/logs/data/digits_photos.log",
    benchmark:
        "results/benchmarks/data/digits_photos.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        data_seed=settings.data_seed,
        code=code("prepare_digits_photos.py"),
    message:
        "Prepare the demonstration dataset"
    script:
        "../scripts/prepare_digits_photos.py"


rule prepare_cifar_mnist:
    input:
        cifar=cifar_original,
        originals=[original(key) for key in keys_of("MNIST")],
    output:
        images="results/data/cifar_mnist/images.npy",
        examples="results/data/cifar_mnist/examples.parquet",
    log:
        "results/logs/data/cifar_mnist.log",
    benchmark:
        "results/benchmarks/data/cifar_mnist.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        original_keys=keys_of("MNIST"),
        data_seed=settings.data_seed,
        code=code("prepare_cifar_mnist.py"),
    message:
        "Prepare CIFAR-MNIST"
    script:
        "../scripts/prepare_cifar_mnist.py"


rule prepare_fmnist_mnist:
    input:
        originals=[original(key) for key in keys_of("FashionMNIST", "MNIST")],
    output:
        images="results/data/fmnist_mnist/images.npy",
        examples="results/data/fmnist_mnist/examples.parquet",
    log:
        "results/logs/data/fmnist_mnist.log",
    benchmark:
        "results/benchmarks/data/fmnist_mnist.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        original_keys=keys_of("FashionMNIST", "MNIST"),
        data_seed=settings.data_seed,
        code=code("prepare_fmnist_mnist.py"),
    message:
        "Prepare FMNIST-MNIST"
    script:
        "../scripts/prepare_fmnist_mnist.py"


rule prepare_celeba:
    input:
        images=lambda wildcards: unpacked(
            "celeba/img_align_celeba.zip", "celeba/img_align_celeba"
        ),
        attributes=original("celeba/list_attr_celeba.txt"),
        partition=original("celeba/list_eval_partition.txt"),
    output:
        images="results/data/celeba/images.npy",
        examples="results/data/celeba/examples.parquet",
    log:
        "results/logs/data/celeba.log",
    benchmark:
        "results/benchmarks/data/celeba.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 16
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=code("prepare_celeba.py"),
    message:
        "Prepare CelebA"
    script:
        "../scripts/prepare_celeba.py"


rule prepare_waterbirds:
    input:
        original=lambda wildcards: unpacked(
            "waterbird_complete95_forest2water2.tar.gz",
            "waterbird_complete95_forest2water2",
        ),
    output:
        images="results/data/waterbirds/images.npy",
        examples="results/data/waterbirds/examples.parquet",
    log:
        "results/logs/data/waterbirds.log",
    benchmark:
        "results/benchmarks/data/waterbirds.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 16
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("prepare_waterbirds.py"),
    message:
        "Prepare Waterbirds"
    script:
        "../scripts/prepare_waterbirds.py"


if settings.own:

    rule prepare_own:
        input:
            images=str(settings.own.images),
            table=str(settings.own.table),
        output:
            images="results/data/own/images.npy",
            examples="results/data/own/examples.parquet",
        log:
            "results/logs/data/own.log",
        benchmark:
            "results/benchmarks/data/own.tsv"
        conda:
            "../../envs/workflow.yaml"
        threads: 16
        resources:
            mem_mb=growing(4000),
            runtime=growing(120),
        params:
            settings=settings.own.model_dump(
                include={"title", "features", "resolution"}
            ),
            code=code("prepare_own.py"),
        message:
            "Prepare the user's own dataset"
        script:
            "../scripts/prepare_own.py"


rule prepare_pacs:
    input:
        original=domains_original("PACS"),
    output:
        images="results/data/pacs/images.npy",
        examples=examples_of("pacs"),
    log:
        "results/logs/data/pacs.log",
    benchmark:
        "results/benchmarks/data/pacs.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 16
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        family="pacs",
        settings=settings.domains.pacs.model_dump(),
        data_seed=settings.data_seed,
        code=code("prepare_domains.py"),
    message:
        "Prepare PACS"
    script:
        "../scripts/prepare_domains.py"


rule prepare_vlcs:
    input:
        original=domains_original("VLCS"),
    output:
        images="results/data/vlcs/images.npy",
        examples=examples_of("vlcs"),
    log:
        "results/logs/data/vlcs.log",
    benchmark:
        "results/benchmarks/data/vlcs.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 16
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        family="vlcs",
        settings=settings.domains.vlcs.model_dump(),
        data_seed=settings.data_seed,
        code=code("prepare_domains.py"),
    message:
        "Prepare VLCS"
    script:
        "../scripts/prepare_domains.py"


rule prepare_office_home:
    input:
        original=domains_original("office_home"),
    output:
        images="results/data/office_home/images.npy",
        examples=examples_of("office_home"),
    log:
        "results/logs/data/office_home.log",
    benchmark:
        "results/benchmarks/data/office_home.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 16
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        family="office_home",
        settings=settings.domains.office_home.model_dump(),
        data_seed=settings.data_seed,
        code=code("prepare_domains.py"),
    message:
        "Prepare OfficeHome"
    script:
        "../scripts/prepare_domains.py"


rule prepare_digits_domains:
    output:
        images="results/data/digits_domains/images.npy",
        examples=examples_of("digits_domains"),
    log:
        "results/logs/data/digits_domains.log",
    benchmark:
        "results/benchmarks/data/digits_domains.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        data_seed=settings.data_seed,
        code=code("prepare_digits_domains.py"),
    message:
        "Prepare the demonstration of several domains"
    script:
        "../scripts/prepare_digits_domains.py"
