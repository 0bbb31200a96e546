# What the rules are made from: the runs, the parts of the toy, the figures; and input functions.
from functools import cache

from snakemake.io import IOFile

from feature_quality.data.sources import SOURCES
from feature_quality.reporting.html import page
from feature_quality.reporting.registry import CLAIMS_CAPTION, figures, tables
from feature_quality.toy import studies

RUNS = [run for dataset in settings.datasets for run in settings.runs_of(dataset)]
SELECTIONS = expand("results/selection/{dataset}.json", dataset=settings.datasets)


def images_of(wildcards):
    """The images of a dataset; those that differ in their target domain alone share them."""
    return f"results/data/{settings.spec_of(wildcards.dataset).id}/images.npy"


def examples_of(dataset, seed=settings.seeds[0]):
    """The examples of a dataset, as the runs of a seed split it; by default those of the first."""
    split = settings.split_of(dataset, int(seed))
    return f"results/data/{dataset}/split={split}/examples.parquet"


def found(path):
    """A download, or a file of the user's, which is no file of the workflow."""
    return path if path.removeprefix("resources/") in SOURCES else local(path)


def find_originals(spec):
    """The original files of a description."""
    refuse_unrecorded()
    originals = settings.originals_of(spec.id)
    return {name: found(path) for name, path in originals.items()}


def asked_of(dataset):
    """What the descriptions of a dataset's runs must say, for them to be compared."""
    return {
        "settings": settings.training_of(dataset).model_dump(),
        "code": code("train.py", settings.network_module(dataset)),
    }


def toy_parts(study):
    """The parts of a toy study: their paths below its results, and the values along their axes."""
    parts = studies.parts(study, **settings.toy.model_dump(exclude={"studies"}))
    return {f"{study}/{part}": axes for part, axes in parts.items()}


# Appendix D has no parts: it takes the networks of the dynamics.
TRAINED_STUDIES = {
    "dynamics" if study == "appendix_d" else study for study in settings.toy.studies
}
TOY_PARTS = {
    part: axes
    for study in sorted(TRAINED_STUDIES)
    for part, axes in toy_parts(study).items()
}


def study_files(study):
    """The files of a toy study's parts, in order."""
    if study == "appendix_d":
        networks = ["toy", settings.datasets[0]]
        return expand("results/toy/appendix_d/{network}.parquet", network=networks)
    return expand("results/toy/{part}.parquet", part=toy_parts(study))


def first_sgd_run(wildcards):
    """A trained network to look into: SGD's first run that finished, or the first if none did."""
    runs = settings.runs_of(wildcards.dataset, BASELINE.name)
    finished = finished_runs(wildcards.dataset)
    return next((run for run in runs if run in finished), runs[0])


def finished_runs(dataset):
    """The runs of a dataset that did not diverge."""
    return {
        run_path(dataset, each["method"], each["lr"], each["rho"], seed)
        for each in selection_of(dataset)["candidates"]
        for seed in each["finished"]
    }


# What they say of the dataset is the same for all seeds.
EXAMPLES = list(map(examples_of, settings.datasets))
TABLES = {
    name: (table, chosen)
    for name, table in tables().items()
    if (
        chosen := {
            "features": settings.of_features,
            "domains": settings.of_domains,
            "all": settings.datasets,
        }[table.datasets]
    )
}


def of_table(pattern):
    """An input function: ``pattern`` for every dataset of a table."""
    return lambda wildcards: expand(pattern, dataset=TABLES[wildcards.table][1])


def page_labels(wildcards, input, output):
    """The name of a page in the report, which takes only HTML that is made of the Markdown here."""
    if Path(output[0]).read_text("utf-8") != page(Path(input[0]).read_text("utf-8")):
        raise WorkflowError(
            f"{output[0]}: is not what this workflow makes of {input[0]}; remove it and make it again"
        )
    return {"page": wildcards.page}


PAGES = ["claims", *(f"tables/{name}" for name in TABLES)]

# What figures are drawn from, by the names that their modules call it: of the toy …
TOY_FILES = {study: study_files(study) for study in settings.toy.studies}
if "complexity" in settings.toy.studies:
    shown = format_number(settings.toy.shown.complexity)
    TOY_FILES["shown"] = f"results/toy/complexity/complexity={shown}.parquet"
if "dynamics" in settings.toy.studies:
    for name in ("epochs", "points", "contours"):
        TOY_FILES[name] = f"results/toy/dynamics/{name}.parquet"
# … and of a dataset, on which a method is compared with SGD.
DATASET_FILES = {
    "examples": lambda dataset, method: examples_of(dataset),
    "runs": lambda dataset, method: "results/tables/runs.parquet",
    "histories": lambda dataset, method: expand(
        "results/runs/{run}/history.parquet",
        run=settings.runs_of(dataset, BASELINE.name, method),
    ),
    "importance": lambda dataset, method: f"results/importance/{dataset}/{method}.parquet",
    "embeddings": lambda dataset, method: expand(
        "results/embeddings/{run}/probe_test.parquet",
        run=first_finished(dataset, BASELINE.name, method),
    ),
    "tests": lambda dataset, method: expand(
        "results/embeddings/{run}/test.parquet",
        run=selected_runs(dataset, BASELINE.name, method),
    ),
}
# These are of the selected runs, and of two features; the others can be drawn of any dataset.
OF_SELECTED = {"importance", "embeddings", "tests"}
SPECS_OF_FIGURES = figures()
# The figures: for each its module, and the dataset and the method, or none for the toy.
TOY_FIGURES = {
    figure: (figure, None, None)
    for figure, spec in SPECS_OF_FIGURES.items()
    if "toy" in spec.inputs and TOY_FILES.keys() >= set(spec.inputs["toy"])
}
DATASET_FIGURES = {
    f"{figure}_{dataset}_{method}": (figure, dataset, method)
    for figure, spec in SPECS_OF_FIGURES.items()
    for dataset in settings.datasets
    for method in settings.compared_methods
    if "dataset" in spec.inputs
    and (dataset in settings.of_features or not OF_SELECTED & {*spec.inputs["dataset"]})
}
FIGURES = TOY_FIGURES | DATASET_FIGURES


def first_finished(dataset, *methods):
    """Of the settings chosen for methods, the runs of the first seed that all of them finished.

    Where there is none, those of each method's own first seed.
    """
    for method in methods:
        if method not in selection_of(dataset)["choices"]:
            raise WorkflowError(
                f"{dataset}: no run of {method} has finished; there is nothing to compare"
            )
    finished = finished_runs(dataset)
    chosen = [selected_runs(dataset, method) for method in methods]
    for runs in zip(*chosen):
        if finished.issuperset(runs):
            return list(runs)
    return [next(run for run in runs if run in finished) for runs in chosen]


def compared(dataset, method):
    """Say whether a method and SGD both have a run that finished."""
    return {BASELINE.name, method} <= selection_of(dataset)["choices"].keys()


def figure_files(wildcards):
    """What a figure is drawn from."""
    figure, dataset, method = FIGURES[wildcards.figure]
    if not dataset:
        return {
            name: TOY_FILES[name] for name in SPECS_OF_FIGURES[figure].inputs["toy"]
        }
    names = SPECS_OF_FIGURES[figure].inputs["dataset"]
    if OF_SELECTED & {*names}:
        first_finished(dataset, BASELINE.name, method)
    return {name: DATASET_FILES[name](dataset, method) for name in names}


def run_note_of(figure, dataset):
    """What the runs of a figure were."""
    if dataset:
        names = SPECS_OF_FIGURES[figure].inputs["dataset"]
        return settings.run_note(dataset, *names)
    return settings.toy.run_note(*SPECS_OF_FIGURES[figure].inputs["toy"])


def figure_of(wildcards):
    """The section of a figure in the report, and its title there: its caption's first sentence."""
    figure, dataset, method = FIGURES[wildcards.figure]
    title = SPECS_OF_FIGURES[figure].caption.partition(". ")[0].removesuffix(".")
    # The report sorts titles as text, and a browser shows two spaces as one.
    title = re.sub(r"^Figure (\d):", r"Figure  \1:", title)
    if not dataset:
        return "Toy", title
    return f"{dataset}: {METHODS[method].label} and {BASELINE.label}", title


def selected_figures(wildcards):
    """The figures of selected runs, where both methods have a run that finished."""
    return [
        name
        for name, (figure, dataset, method) in DATASET_FIGURES.items()
        if OF_SELECTED & {*SPECS_OF_FIGURES[figure].inputs["dataset"]}
        and compared(dataset, method)
    ]


def collected_importance(wildcards):
    """The weights of examples of all methods that can be compared."""
    return [
        f"results/importance/{dataset}/{method}.parquet"
        for dataset in settings.of_features
        for method in settings.compared_methods
        if compared(dataset, method)
    ]


def probed(pattern):
    """An input function: ``pattern`` for every run that is to be probed."""

    def files(wildcards):
        if settings.probe_runs == "all":
            return expand(pattern, run=RUNS)
        return [
            pattern.format(run=run)
            for dataset in settings.datasets
            for run in selected_runs(dataset)
        ]

    return files


def results_in_use():
    """A file of each job that may have been done, be it there or not."""
    for spec in {settings.spec_of(dataset).id for dataset in settings.datasets}:
        yield f"results/data/{spec}/images.npy"
    for dataset in settings.datasets:
        yield from (examples_of(dataset, seed) for seed in settings.seeds)
    for run in RUNS:
        yield f"results/runs/{run}/history.parquet"
        yield f"results/embeddings/{run}/test.parquet"
        yield f"results/probes/{run}/probe.parquet"
    for place in [*RUNS, *settings.datasets]:
        for method in settings.compared_methods:
            yield f"results/importance/{place}/{method}.parquet"
    for study in settings.toy.studies:
        yield from study_files(study)
    yield from SELECTIONS
    yield from ("results/tables/runs.parquet", "results/claims.json")
    yield from expand("results/tables/{table}.json", table=TABLES)
    yield from expand("results/figures/{figure}.json", figure=FIGURES)


@cache
def refuse_unrecorded(*_):
    """Refuse results of which Snakemake does not know how they were made; return no input.

    It would take them for what is asked now, whatever their settings, data and code were. The input
    functions of what has no other jobs before it call this, and so every run that needs results.
    """
    if not workflow.is_main_process or workflow.dag_settings.forceall:
        return []
    # As a module, the workflow may have a prefix before its paths.
    prefix = rules.collect.output.runs.removesuffix("results/tables/runs.parquet")
    made = filter(os.path.exists, (f"{prefix}{path}" for path in results_in_use()))
    unknown = [path for path in made if not workflow.persistence.metadata(IOFile(path))]
    # What a killed Snakemake had begun it makes again, and has marked; all is looked at after that.
    begun = os.walk(os.path.join(workflow.persistence.path, "incomplete"))
    if unknown and not any(files for _, _, files in begun):
        # Not as an exception, which Snakemake would take to mean that no rule makes these files.
        sys.exit(
            f"Error: {min(unknown)}: Snakemake has no record of how this was made, nor of "
            f"{len(unknown) - 1} other files: results/ was copied without .snakemake/metadata/. "
            "Copy that too; or remove the files; or make everything again, but for trained runs "
            "that are as they are asked: the same command with --forceall"
        )
    return []
