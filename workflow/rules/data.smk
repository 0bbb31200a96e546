# data: original files → prepared images and examples.
CIFAR_ARCHIVE = "cifar-10-python.tar.gz"


def original(key):
    """The user's own copy of an original file, or else the download."""
    own = settings.data_dir and settings.data_dir / key
    return str(own) if own and own.exists() else f"resources/{key}"


def cifar_original(wildcards):
    """CIFAR-10 as the user has it: unpacked, as a folder of images, or as the published archive."""
    for folder in ("cifar-10-batches-py", "cifar10"):
        if settings.data_dir and (settings.data_dir / folder).is_dir():
            return str(settings.data_dir / folder)
    return original(CIFAR_ARCHIVE)


def keys_of(*folders):
    """The keys of the original files in some of torchvision's folders."""
    return [key for key in SOURCES if key.split("/")[0] in folders]


rule fetch:
    output:
        "resources/{original}",
    params:
        code=code("fetch.py"),
    log:
        "results/logs/fetch/{original}.log",
    benchmark:
        "results/benchmarks/fetch/{original}.tsv"
    message:
        "Download {wildcards.original}"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
    conda:
        "../../envs/workflow.yaml"
    localrule: True
    script:
        "../scripts/fetch.py"


rule prepare_digits_photos:
    output:
        images="results/data/digits_photos/images.npy",
        examples="results/data/digits_photos/examples.parquet",
    params:
        data_seed=settings.data_seed,
        code=code("prepare_digits_photos.py"),
    log:
        "results/logs/data/digits_photos.log",
    benchmark:
        "results/benchmarks/data/digits_photos.tsv"
    message:
        "Prepare the demonstration dataset"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/prepare_digits_photos.py"


rule prepare_cifar_mnist:
    input:
        cifar=cifar_original,
        originals=[original(key) for key in keys_of("MNIST")],
    output:
        images="results/data/cifar_mnist/images.npy",
        examples="results/data/cifar_mnist/examples.parquet",
    params:
        original_keys=keys_of("MNIST"),
        data_seed=settings.data_seed,
        code=code("prepare_cifar_mnist.py"),
    log:
        "results/logs/data/cifar_mnist.log",
    benchmark:
        "results/benchmarks/data/cifar_mnist.tsv"
    message:
        "Prepare CIFAR-MNIST"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/prepare_cifar_mnist.py"


rule prepare_fmnist_mnist:
    input:
        originals=[original(key) for key in keys_of("FashionMNIST", "MNIST")],
    output:
        images="results/data/fmnist_mnist/images.npy",
        examples="results/data/fmnist_mnist/examples.parquet",
    params:
        original_keys=keys_of("FashionMNIST", "MNIST"),
        data_seed=settings.data_seed,
        code=code("prepare_fmnist_mnist.py"),
    log:
        "results/logs/data/fmnist_mnist.log",
    benchmark:
        "results/benchmarks/data/fmnist_mnist.tsv"
    message:
        "Prepare FMNIST-MNIST"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/workflow.yaml"
    script:
        "../scripts/prepare_fmnist_mnist.py"
