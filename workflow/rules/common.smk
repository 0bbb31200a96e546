# What the rules share: checked settings, digests of scripts, the places of runs.
import os
import re
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The package is not installed: this process and the jobs' find it here, under every executor.
PACKAGE_ROOT = os.path.join(workflow.basedir, "workflow")
if os.pathsep in PACKAGE_ROOT:
    raise WorkflowError(
        f"{PACKAGE_ROOT}: Python cannot import from a path with a colon"
    )
sys.path.insert(0, PACKAGE_ROOT)
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [PACKAGE_ROOT, os.environ.get("PYTHONPATH")])
    )
)

from feature_quality.artifacts.selection import read_selection
from feature_quality.config.domains import TARGETS
from feature_quality.config.section import by_provenance
from feature_quality.config.settings import RUN, family_of, load
from feature_quality.formatting import format_number
from feature_quality.data.sources import SOURCES
from feature_quality.digest import script_digest
from feature_quality.errors import InputError
from feature_quality.reporting.captions import CAPTIONS
from feature_quality.toy import studies

try:
    settings = load(config)
except InputError as error:
    raise WorkflowError(str(error))

# A job is a command in a shell, and Snakemake 9.27 quotes for it as Python does: around a single
# quote it puts double ones, in which $ and ` keep their meaning; what begins with a quote it leaves.
for text in (
    *workflow.config_settings.config_args,
    str(settings.data_dir),
    *([str(settings.own.images), str(settings.own.table)] if settings.own else []),
    workflow.basedir,
    os.getcwd(),
):
    if text[0] in "'\"" or ("'" in text and set(text) & set('"$`')):
        raise WorkflowError(
            f'{text}: what begins with a quote, or has a single quote beside one of " $ `, does '
            "not reach jobs as it is. Another name would; or a file given to --configfile."
        )

# The figures about importance weights, which are drawn for the toy and for each dataset.
OF_IMPORTANCE = ("figure_03", "figure_05", "figure_07", "figure_08")
# The figures beyond the paper's: those of a whole sweep, and those of what was selected of it.
OF_SWEEPS = ("learning", "sweep")
OF_SELECTED = ("embedding", "groups")
WEIGHTS = {"resnet18": "resnet18-f37072fd.pth", "resnet50": "resnet50-0676ba61.pth"}


def require_writable():
    """End the run before its first job where the results of one could not be written."""
    for pattern in ("results/", "results/*/", "resources/"):
        for folder in Path().glob(pattern):
            if not os.access(folder, os.W_OK):
                raise WorkflowError(f"{folder}: cannot be written to")


def code(script):
    """The digest of a script and of all our modules that it imports."""
    return script_digest(Path(PACKAGE_ROOT, "scripts", script))


def original(key):
    """The user's own copy of an original file, or else the download."""
    own = settings.data_dir and settings.data_dir / key
    return str(own) if own and own.exists() else f"resources/{key}"


def cifar_original(wildcards):
    """CIFAR-10 as the user has it: unpacked, as a folder of images, or as the published archive."""
    for folder in ("cifar-10-batches-py", "cifar10"):
        if settings.data_dir and (settings.data_dir / folder).is_dir():
            return str(settings.data_dir / folder)
    return original("cifar-10-python.tar.gz")


def unpacked(key, folder):
    """The user's own folder of unpacked files, or else the archive that holds it."""
    own = settings.data_dir and settings.data_dir / folder
    return str(own) if own and own.is_dir() else original(key)


def pretrained_weights(wildcards):
    """The weights from which a dataset's networks start: a file, or none."""
    training = settings.training_of(wildcards.dataset)
    if not getattr(training, "pretrained", False):
        return []
    return [original(WEIGHTS[training.network])]


def images_of(wildcards):
    """The images of a dataset; those that differ in their target domain alone share them."""
    return f"results/data/{family_of(wildcards.dataset)}/images.npy"


def domains_original(folder):
    """A dataset of DomainBed as the user has it, a folder or an archive, or where it belongs."""
    for name in (folder, f"{folder}.tar", f"{folder}.tar.gz"):
        if settings.data_dir and (settings.data_dir / name).exists():
            return str(settings.data_dir / name)
    return original(f"{folder}.zip")


def examples_of(family):
    """The examples of all datasets of a family, one a target domain."""
    return expand(
        "results/data/{family}_{target}/examples.parquet",
        family=family,
        target=TARGETS[family],
    )


def keys_of(*folders):
    """The keys of the original files in some of torchvision's folders."""
    return [key for key in SOURCES if key.split("/")[0] in folders]


def probed(pattern):
    """An input function: ``pattern`` for every run that is to be probed."""

    def runs(wildcards):
        if settings.probe_runs == "all":
            return expand(pattern, run=ALL_RUNS)
        return [
            pattern.format(run=run)
            for dataset in settings.datasets
            for run in selected_runs(dataset)
        ]

    return runs


def first_sgd_run(dataset):
    """A trained network to look into: SGD's at the first learning rate and seed."""
    lr = format_number(settings.grid_of(dataset).lr[0])
    return RUN.format(dataset=dataset, lr=lr, rho=0, seed=settings.seeds[0])


def study_files(study):
    """The files of a toy study's parts, in order."""
    if study == "appendix_d":
        networks = ["toy", settings.datasets[0]]
        return expand("results/toy/appendix_d/{network}.parquet", network=networks)
    return expand("results/toy/{part}.parquet", part=toy_parts(study))


def toy_parts(study):
    """The parts of a toy study: their places, and what spans their runs."""
    parts = studies.parts(study, **settings.toy.model_dump(exclude={"studies"}))
    return {f"{study}/{part}": axes for part, axes in parts.items()}


def selection_of(dataset):
    """How the settings of a dataset were chosen; asking waits for the selection."""
    selection = checkpoints.select_settings.get(dataset=dataset).output[0]
    try:
        return read_selection(selection)
    except InputError as error:
        raise WorkflowError(str(error))


def choices(dataset):
    """The settings that were chosen, by method."""
    return selection_of(dataset)["choices"]


def selected_runs(dataset, *methods):
    """The runs of the settings that were chosen for some methods, or for all."""
    settings_chosen = {
        (format_number(choice["lr"]), format_number(choice["rho"]))
        for method, choice in choices(dataset).items()
        if not methods or method in methods
    }
    return [
        RUN.format(dataset=dataset, lr=lr, rho=rho, seed=seed)
        for lr, rho in sorted(settings_chosen)
        for seed in settings.seeds
    ]


def require_both(dataset):
    """End the run if a method has no run that finished, with which to compare the other."""
    for method in ("SGD", "SAM"):
        if method not in choices(dataset):
            raise WorkflowError(
                f"{dataset}: no run of {method} has finished; there is nothing to compare"
            )


def first_finished(dataset, method):
    """Of the setting that was chosen for a method, the run of the first seed that finished."""
    selection = selection_of(dataset)
    lr, rho = (selection["choices"][method][name] for name in ("lr", "rho"))
    seed = next(
        candidate["finished"][0]
        for candidate in selection["candidates"]
        if (candidate["lr"], candidate["rho"]) == (lr, rho)
    )
    return RUN.format(dataset=dataset, lr=format_number(lr), rho=format_number(rho), seed=seed)


def compared():
    """The datasets of which both methods have a run that finished."""
    return [
        dataset
        for dataset in settings.of_features
        if {"SGD", "SAM"} <= choices(dataset).keys()
    ]


def dataset_figures(wildcards):
    """The figures of datasets that can be compared."""
    return expand(
        "results/figures/{figure}_{dataset}.{kind}",
        figure=OF_IMPORTANCE,
        dataset=compared(),
        kind=["pdf", "png", "json"],
    )


def sweep_files(wildcards):
    """What a figure of a whole sweep is drawn from."""
    if wildcards.figure == "sweep":
        return {"runs": "results/tables/runs.parquet"}
    runs = settings.runs_of(wildcards.dataset)
    return {"histories": expand("results/runs/{run}/history.parquet", run=runs)}


def selected_embeddings(wildcards):
    """What a figure of the selected runs is drawn from: one of each method, or all."""
    dataset = wildcards.dataset
    require_both(dataset)
    if wildcards.figure == "groups":
        runs = selected_runs(dataset, "SGD", "SAM")
        return expand("results/embeddings/{run}/test.parquet", run=runs)
    runs = [first_finished(dataset, method) for method in ("SGD", "SAM")]
    return expand("results/embeddings/{run}/probe_test.parquet", run=runs)


def selected_figures(wildcards):
    """The figures beyond the paper's of the selected runs of datasets that can be compared."""
    return expand(
        "results/figures/{figure}_{dataset}.{kind}",
        figure=OF_SELECTED,
        dataset=compared(),
        kind=["pdf", "png", "json"],
    )


def selected_importance(wildcards):
    """The weights of examples that these figures are drawn from."""
    return [
        f"results/importance/{run}/importance.parquet"
        for dataset in compared()
        for run in selected_runs(dataset, "SGD", "SAM")
    ]


def probe_settings(wildcards):
    """How the probes of a dataset are trained."""
    probe = settings.probe
    return {
        "per_group": settings.probing_of(wildcards.dataset)["per_group"],
        "strengths": probe.strengths,
        "tolerance": probe.tolerance,
        "max_iterations": probe.max_iterations,
    }


def contribution_settings(wildcards):
    """How the probes are trained whose margins are compared."""
    strengths = [settings.probe.contribution_strength]
    return probe_settings(wildcards) | {"strengths": strengths}


def growing(amount):
    """Memory or minutes of a job: that much more at each attempt, where a profile retries jobs."""
    return lambda wildcards, attempt: amount * attempt


def gpu_mb(wildcards):
    """GPU memory of a job with a dataset's network, where there is a GPU."""
    return GPUS_PER_JOB * GPU_MB[settings.training_of(wildcards.dataset).network]


def one_of(texts):
    """A pattern that matches each of some texts and nothing else; without any, nothing at all."""
    return "|".join(map(re.escape, sorted(set(texts)))) or "(?!)"


TOY_PARTS = {
    part: axes
    for study in settings.toy.studies
    for part, axes in toy_parts(study).items()
}
ALL_RUNS = [run for dataset in settings.datasets for run in settings.runs_of(dataset)]
GRIDS = [settings.grid_of(dataset) for dataset in settings.datasets]


wildcard_constraints:
    dataset=one_of(settings.datasets),
    lr=one_of(format_number(lr) for grid in GRIDS for lr in grid.lr),
    rho=one_of(format_number(rho) for grid in GRIDS for rho in grid.rho),
    seed=one_of(map(str, settings.seeds)),
    original=one_of(SOURCES),
    part=one_of(part for part in TOY_PARTS if not part.startswith("dynamics/")),


# Jobs on this machine share its GPU, where it has one; a cluster's profile says what its jobs get.
GPUS_PER_JOB = 1 if shutil.which("nvidia-smi") else 0
# What a job takes of its memory, in MB: generous guesses, at the documented sizes of images.
GPU_MB = {"cnn": 2000, "resnet18": 8000, "resnet50": 24000}
