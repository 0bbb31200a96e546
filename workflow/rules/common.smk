# What the rules share: the checked configuration, digests of code, and the selection.
import re
import shutil

from feature_quality.artifacts.selection import read_selection
from feature_quality.config.loading import load
from feature_quality.config.quoting import refuse_misquoted
from feature_quality.config.settings import PUBLISHED_SPLIT
from feature_quality.digest import script_digest
from feature_quality.formatting import format_number
from feature_quality.job import NO_BARS
from feature_quality.last_run import notice_change
from feature_quality.methods import BASELINE, METHODS
from feature_quality.run_paths import RUN, run_path

try:
    settings = load(config)
    options = workflow.config_settings.config_args
    refuse_misquoted([*options, *settings.user_paths, os.getcwd(), PACKAGE_ROOT])
except InputError as error:
    raise WorkflowError(str(error))


def code(script, *modules):
    """The digest of a script and of all modules of the package that it imports."""
    return script_digest(Path(PACKAGE_ROOT, "scripts", script), *modules)


def selection_of(dataset):
    """How the settings of a dataset were chosen; asking waits for the selection."""
    try:
        selection = read_selection(checkpoints.select.get(dataset=dataset).output[0])
    except InputError as error:
        raise WorkflowError(str(error))
    if selection["dataset"] != dataset:
        raise WorkflowError(
            f"results/selection/{dataset}.json: is the selection of {selection['dataset']}; remove "
            "the file, then the same command"
        )
    return selection


def selected_runs(dataset, *methods):
    """The runs of the chosen settings of some methods, or of all methods."""
    selection = selection_of(dataset)
    chosen = {
        (method, choice["lr"], choice["rho"])
        for choices in (selection["choices"], selection["at_sgd_lr"])
        for method, choice in choices.items()
        if not methods or (method in methods and choices is selection["choices"])
    }
    runs = [
        run_path(dataset, method, lr, rho, seed)
        for method, lr, rho in sorted(chosen)
        for seed in settings.seeds
    ]
    if unknown := set(runs) - set(settings.runs_of(dataset)):
        raise WorkflowError(
            f"results/selection/{dataset}.json: chooses {min(unknown)}, which is no run of the "
            "grid; remove the file, then the same command"
        )
    return runs


def one_of(texts):
    """A pattern that matches each of some texts and nothing else; without any, nothing at all."""
    return "|".join(map(re.escape, sorted(set(texts)))) or "(?!)"


# Jobs on this machine share its GPU, where it has one; a cluster's profile says what its jobs get.
HIDDEN = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
GPUS_PER_JOB = 1 if shutil.which("nvidia-smi") and not HIDDEN else 0
# GPU memory of a job in MB, at the documented sizes of images; 8000 for any other network.
GPU_MB = {"cnn": 2000, "resnet50": 24000}


def gpu_mb(wildcards):
    """GPU memory of a job with a dataset's network, where there is a GPU."""
    network = settings.training_of(wildcards.dataset).network
    return GPUS_PER_JOB * GPU_MB.get(network, 8000)
