# What the rules are made from: the runs, the parts of the toy, the figures; and input functions.
from functools import cache
from typing import NamedTuple

from snakemake.io import IOFile

from feature_quality.data.sources import SOURCES
from feature_quality.reporting.html import page
from feature_quality.reporting.registry import (
    CLAIMS_CAPTION,
    TableSpec,
    figures,
    tables,
)
from feature_quality.toy import studies
from feature_quality.toy.runs import expand_grid

RUNS = [run for dataset in settings.datasets for run in settings.runs_of(dataset)]
SELECTIONS = expand("results/selection/{dataset}.json", dataset=settings.datasets)


def images_of(wildcards):
    """The images of a dataset; those that differ in their target domain alone share them."""
    return f"results/data/{settings.spec_of(wildcards.dataset).id}/images.npy"


def examples_of(dataset, seed=settings.seeds[0]):
    """The examples of a dataset, as the runs of a seed split it; by default those of the first."""
    split = settings.split_of(dataset, int(seed))
    return f"results/data/{dataset}/split={split}/examples.parquet"


def as_input(path):
    """A download, or a file of the user's, which is no file of the workflow."""
    folder, _, name = path.partition("/")
    return path if folder == "resources" and name in SOURCES else local(path)


def find_originals(spec):
    """The original files of a description."""
    refuse_unrecorded()
    originals = settings.originals_of(spec.id)
    return {name: as_input(path) for name, path in originals.items()}


def asked_of(dataset):
    """What the descriptions of a dataset's runs must say, for them to be compared."""
    return {
        "settings": settings.training_of(dataset).model_dump(),
        "code": code("train.py", settings.network_module(dataset)),
    }


# The parts of each toy study: their paths below its results, and the values along their axes.
STUDY_PARTS = {
    study: {f"{study}/{part}": axes for part, axes in parts.items()}
    for study, parts in studies.parts(
        **settings.toy.model_dump(exclude={"studies"})
    ).items()
}
# Appendix D has no parts: it takes the networks of the dynamics.
TRAINED_STUDIES = {
    "dynamics" if study == "appendix_d" else study for study in settings.toy.studies
}
TOY_PARTS = {
    part: axes
    for study in sorted(TRAINED_STUDIES)
    for part, axes in STUDY_PARTS[study].items()
}


# As many training examples of the toy take one core a minute or two.
EXAMPLES_PER_THREAD = 3e7


def toy_threads(wildcards):
    """How many runs of a part are trained at a time: more where they would take long."""
    runs = expand_grid(TOY_PARTS[wildcards.part])
    examples = sum(run.steps * run.batch_size for run in runs)
    return max(1, min(16, round(examples / EXAMPLES_PER_THREAD)))


def study_files(study):
    """The files of a toy study's parts, in order."""
    if study == "appendix_d":
        networks = ["toy", settings.datasets[0]]
        return expand("results/toy/appendix_d/{network}.parquet", network=networks)
    return expand("results/toy/{part}.parquet", part=STUDY_PARTS[study])


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


# One file per dataset: what tables and claims read of a description does not depend on the seed.
EXAMPLES = list(map(examples_of, settings.datasets))


class Table(NamedTuple):
    """A table: what its module says of it, and its datasets."""

    spec: TableSpec
    datasets: list[str]


TABLES = {
    name: Table(spec, chosen)
    for name, spec in tables().items()
    if (
        chosen := {
            "features": settings.of_features,
            "domains": settings.of_domains,
            "all": settings.datasets,
        }[spec.datasets]
    )
}


def of_table(pattern):
    """An input function: ``pattern`` for every dataset of a table."""
    return lambda wildcards: expand(pattern, dataset=TABLES[wildcards.table].datasets)


def files_of_table(table):
    """An input function: the files of a table."""

    def files(wildcards):
        # Snakemake would otherwise take those of another configuration for what was asked.
        if table not in TABLES:
            raise WorkflowError(f"the configuration has no dataset of {table}")
        return expand(rules.table.output, table=table)

    return files


def constants_files(wildcards):
    """The parts of the study of the toy's constants."""
    if "constants" not in TOY_FILES:
        raise WorkflowError("the configuration has no toy study of constants")
    return TOY_FILES["constants"]


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
    TOY_FILES["shown"] = [f"results/toy/complexity/complexity={shown}.parquet"]
if "dynamics" in settings.toy.studies:
    for name in ("epochs", "points", "contours"):
        TOY_FILES[name] = [f"results/toy/dynamics/{name}.parquet"]
# … and of a dataset, on which a method is compared with SGD.
DATASET_FILES = {
    "examples": lambda dataset, method: [examples_of(dataset)],
    "runs": lambda dataset, method: ["results/tables/runs.parquet"],
    "histories": lambda dataset, method: expand(
        "results/runs/{run}/history.parquet",
        run=settings.runs_of(dataset, BASELINE.name, method),
    ),
    "importance": lambda dataset, method: [
        f"results/importance/{dataset}/{method}.parquet"
    ],
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


class Figure(NamedTuple):
    """A figure: its id, and the dataset and the method it is of, or none for the toy."""

    id: str
    dataset: str | None = None
    method: str | None = None

    @property
    def spec(self):
        """What its module says of it."""
        return SPECS_OF_FIGURES[self.id]

    @property
    def inputs(self):
        """The names of what it is drawn from."""
        return self.spec.inputs["dataset" if self.dataset else "toy"]

    @property
    def of_selected(self):
        """Whether it is of selected runs."""
        return not OF_SELECTED.isdisjoint(self.inputs)


TOY_FIGURES = {
    id: Figure(id)
    for id, spec in SPECS_OF_FIGURES.items()
    if "toy" in spec.inputs and TOY_FILES.keys() >= set(spec.inputs["toy"])
}
DATASET_FIGURES = {
    f"{id}_{dataset}_{method}": figure
    for id, spec in SPECS_OF_FIGURES.items()
    if "dataset" in spec.inputs
    for dataset in settings.datasets
    for method in settings.compared_methods
    if not (figure := Figure(id, dataset, method)).of_selected
    or dataset in settings.of_features
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


def both_finished(dataset, method):
    """Say whether a method and SGD both have a run that finished."""
    return {BASELINE.name, method} <= selection_of(dataset)["choices"].keys()


def figure_files(wildcards):
    """What a figure is drawn from."""
    figure = FIGURES[wildcards.figure]
    if not figure.dataset:
        return {name: TOY_FILES[name] for name in figure.inputs}
    if figure.of_selected:
        first_finished(figure.dataset, BASELINE.name, figure.method)
    return {
        name: DATASET_FILES[name](figure.dataset, figure.method)
        for name in figure.inputs
    }


def run_note_of(figure):
    """What the runs of a figure were."""
    if figure.dataset:
        return settings.run_note(figure.dataset, *figure.inputs)
    return settings.toy.run_note(*figure.inputs)


def figure_of(wildcards):
    """The section of a figure in the report, and its title there: its caption's first sentence."""
    figure = FIGURES[wildcards.figure]
    title = figure.spec.caption.partition(". ")[0].removesuffix(".")
    # The report sorts titles as text, and a browser shows two spaces as one.
    title = re.sub(r"^Figure (\d):", r"Figure  \1:", title)
    if not figure.dataset:
        return "Toy", title
    labels = f"{METHODS[figure.method].label} and {BASELINE.label}"
    return f"{figure.dataset}: {labels}", title


def selected_figures(wildcards):
    """The figures of selected runs, where both methods have a run that finished."""
    return [
        name
        for name, figure in DATASET_FIGURES.items()
        if figure.of_selected and both_finished(figure.dataset, figure.method)
    ]


def collected_importance(wildcards):
    """The weights of examples of all methods that can be compared."""
    return [
        f"results/importance/{dataset}/{method}.parquet"
        for dataset in settings.of_features
        for method in settings.compared_methods
        if both_finished(dataset, method)
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
