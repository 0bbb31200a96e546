"""Each rule's script, run alone with a stand-in for Snakemake's object."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from feature_quality.artifacts.embeddings import read_embeddings
from feature_quality.artifacts.features import IMPORTANCE, PROBES, RUN_IMPORTANCE
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_parquet, read_table, write_parquet
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.runs import BOOTSTRAP, RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.weights import read_snapshots, read_weights
from feature_quality.config.loading import load
from feature_quality.data.datasets import SPECS
from feature_quality.features.dfr import STRENGTHS
from feature_quality.methods import METHODS

from .conftest import run_script

DATASET = "digits_photos"
TRAINED = [("sgd", "0.05", "0"), ("sam", "0.05", "0.1")]


class Scripts:
    """Runs rule scripts on files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = load({"training": {DATASET: {"epochs": 2, "snapshot_epochs": [1]}}})
        self.images = folder / "images.npy"
        self.examples = folder / "examples.parquet"

    def place(self, kind: str, *run: str) -> Path:
        return self.folder.joinpath(*run, kind)

    def __call__(
        self,
        script: str,
        input: Any = (),  # noqa: A002
        output: Any = (),
        params: dict[str, Any] | None = None,
        **wildcards: str,
    ) -> None:
        run_script(self.folder, script, input, output, params, **wildcards)

    def prepare(self) -> None:
        files = {"images": self.images, "table": self.folder / "images.parquet"}
        params = {"dataset": DATASET, "module": DATASET, "names": [], "settings": {}}
        self("prepare", output=files, params=params)
        self("split", files, [self.examples], {"module": DATASET, "seed": 0})

    def train(self, method: str, lr: str, rho: str) -> None:
        self(
            "train",
            {"images": self.images, "examples": self.examples},
            {name: self.place(name, method, lr, rho) for name in ("model", "snapshots", "history")},
            {
                "settings": self.settings.training["digits_photos"].model_dump(),
                "perturbation": METHODS[method].perturbation,
            },
            dataset=DATASET,
            method=method,
            lr=lr,
            rho=rho,
            seed="0",
        )

    def asked(self, **changes: Any) -> dict[str, Any]:
        settings = self.settings.training["digits_photos"].model_dump() | changes
        return {"settings": settings, "code": "0123456789abcdef"}

    def select(self, **changes: Any) -> None:
        histories = [self.place("history", *run) for run in TRAINED]
        selection, asked = [self.folder / "selection.json"], {"asked": self.asked(**changes)}
        self("select_settings", histories, selection, asked, dataset=DATASET)

    def embed(self, *run: str) -> None:
        files = {name: self.place(name, *run) for name in ("model", "history")}
        self(
            "embed",
            {"images": self.images, "examples": self.examples} | files,
            {name: self.place(name, *run) for name in ("probe_train", "probe_test", "test")},
        )

    @property
    def probe_settings(self) -> dict[str, Any]:
        return self.settings.probe_settings(DATASET)

    def probe(self, *run: str, protocol: str = "l2") -> None:
        settings = load({"probe": {"protocol": protocol}}).probe_settings(DATASET)
        self(
            "probe",
            {
                "examples": self.examples,
                "train": self.place("probe_train", *run),
                "test": self.place("probe_test", *run),
            },
            [self.place("probe", *run)],
            {"draws": 2, "settings": settings},
        )

    def weigh(self, *run: str) -> None:
        files = {name: self.place(name, *run) for name in ("model", "snapshots", "history")}
        self(
            "importance",
            {"images": self.images, "examples": self.examples}
            | files
            | {"selection": self.folder / "selection.json"},
            [self.place("importance", *run)],
            {
                "probe": self.settings.contribution_settings(DATASET),
                "perturbation": METHODS["sam"].perturbation,
            },
            compared="sam",
        )

    def report(self, draws: int = 2, strength: float = 0.01, **changes: Any) -> None:
        self(
            "collect",
            {
                "histories": [self.place("history", *run) for run in TRAINED],
                "tests": [self.place("test", *run) for run in TRAINED],
                "probes": [self.place("probe", *run) for run in TRAINED],
                "selections": [self.folder / "selection.json"],
                "examples": [self.examples],
            },
            {name: self.folder / f"{name}.parquet" for name in ("runs", "bootstrap")},
            {
                "asked": {DATASET: self.asked(**changes)},
                "probe": {DATASET: self.probe_settings | {"draws": draws}},
                "seeds": [0],
            },
        )
        self.collect_importance(strength)
        for table in ("table1", "grid"):
            self(
                "table",
                {
                    "runs": self.folder / "runs.parquet",
                    "selections": [self.folder / "selection.json"],
                    "examples": [self.examples],
                },
                {kind: self.folder / f"{table}.{kind}" for kind in ("csv", "md", "tex", "json")},
                {
                    "datasets": [
                        self.settings.provenance_summary(DATASET)
                        | self.settings.network_of(DATASET)
                        | {"reference": {"sam": {"test_error": 0.0625}}}
                    ],
                },
                table=table,
            )

    def collect_importance(self, strength: float = 0.01) -> None:
        training = self.settings.training["digits_photos"].model_dump()
        contributions = self.settings.contribution_settings(DATASET)
        self(
            "collect_importance",
            {
                "importance": [self.place("importance", *run) for run in TRAINED],
                "histories": [self.place("history", *TRAINED[0])],
                "probes": [self.place("probe", *TRAINED[0])],
                "examples": self.examples,
            },
            [self.folder / "importance.parquet"],
            {
                "asked": {
                    "settings": training,
                    "probe": contributions | {"strengths": [strength]},
                }
            },
        )


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """All scripts run in the order of the workflow."""
    deterministic, threads = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    scripts = Scripts(tmp_path_factory.mktemp("scripts"))
    scripts.prepare()
    for run in TRAINED:
        scripts.train(*run)
    scripts.select()
    for run in TRAINED:
        scripts.embed(*run)
        scripts.probe(*run)
        scripts.weigh(*run)
    scripts.report()
    yield scripts
    torch.set_deterministic_debug_mode(deterministic)
    torch.set_num_threads(threads)
    logging.captureWarnings(False)


def test_prepare(scripts: Scripts) -> None:
    prepared = read_prepared(scripts.images, scripts.examples)
    assert prepared.description.demonstration
    assert len(prepared.split("train").images) == 832


@pytest.mark.parametrize("run", TRAINED)
def test_train(scripts: Scripts, run: tuple[str, str]) -> None:
    history, description = read_table(scripts.place("history", *run), HISTORY)
    assert history["epoch"].tolist() == [1, 2]
    assert (description["method"], description["seed"]) == (run[0], 0)
    assert (description["lr"], description["rho"]) == tuple(map(float, run[1:]))
    assert description["diverged"] is None
    assert description["code"] == "0123456789abcdef"
    assert description["settings"]["epochs"] == 2
    weights = read_weights(scripts.place("model", *run))
    snapshots = read_snapshots(scripts.place("snapshots", *run))
    assert snapshots.keys() == {1}
    assert snapshots[1].keys() == weights.keys()
    assert not scripts.place("checkpoint.safetensors", *run).exists()


def test_sgd_and_sam_end_elsewhere_from_the_same_start(scripts: Scripts) -> None:
    sgd, sam = (read_weights(scripts.place("model", *run)) for run in TRAINED)
    assert not torch.equal(sgd["head.weight"], sam["head.weight"])


def test_a_method_that_has_changed_trains_again(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("asam", "0.05", "0.1")
    ends = []
    for method in ("asam", "sam"):
        monkeypatch.setitem(METHODS, "asam", METHODS[method])
        scripts.train(*run)
        ends.append(read_weights(scripts.place("model", *run))["head.weight"])
    assert not torch.equal(*ends)


def test_select(scripts: Scripts) -> None:
    selection = read_selection(scripts.folder / "selection.json")
    assert selection["choices"]["sgd"]["rho"] == 0
    assert selection["choices"]["sam"]["rho"] == 0.1


@pytest.mark.parametrize("make", ["select", "report"])
def test_runs_of_another_configuration_are_not_compared(scripts: Scripts, make: str) -> None:
    with pytest.raises(SystemExit, match=r"settings.epochs \d+, asked 99. To make them again: rm"):
        getattr(scripts, make)(epochs=99)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": 3}, "probe.draws 2, asked 3. To make them again: rm"),
        ({"strength": 0.1}, r"probe.strengths \[0.01\], asked \[0.1\]. To make them again: rm"),
    ],
)
def test_other_probes_are_not_compared(
    scripts: Scripts, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        scripts.report(**changes)


@pytest.mark.parametrize("kind", ["history", "probe"])
def test_easy_and_hard_are_told_by_runs_that_were_made_as_asked(
    scripts: Scripts, kind: str
) -> None:
    path = scripts.place(kind, *TRAINED[0])
    content = path.read_bytes()
    table, run = read_parquet(path)
    write_parquet(path, table, run | {"settings": run["settings"] | {"epochs": 99}})
    with pytest.raises(SystemExit, match=f"{kind}: was made .* settings.epochs 99, asked 2. To"):
        scripts.collect_importance()
    path.write_bytes(content)


@pytest.mark.parametrize("run", TRAINED)
def test_embed(scripts: Scripts, run: tuple[str, str]) -> None:
    prepared = read_prepared(scripts.images, scripts.examples)
    weights = read_weights(scripts.place("model", *run))
    for split in ("probe_train", "probe_test", "test"):
        embeddings, description = read_embeddings(scripts.place(split, *run))
        assert description["split"] == split
        assert embeddings.table["id"].tolist() == prepared.split(split).table["id"].tolist()
        # The logits are the last layer's, on what the file calls the embedding.
        logits = torch.from_numpy(embeddings.embedding.copy()) @ weights["head.weight"].T
        logits += weights["head.bias"]
        torch.testing.assert_close(torch.from_numpy(embeddings.logits.copy()), logits)


def test_probe(scripts: Scripts) -> None:
    probes, description = read_table(scripts.place("probe", *TRAINED[0]), PROBES)
    assert probes[["feature", "draw"]].to_numpy().tolist() == [
        [feature, draw] for feature in ("photo", "digit") for draw in (0, 1)
    ]
    assert (probes["n_test"] == 1040).all()
    assert probes["converged"].all()
    # The error can be had from the places of the wrong ones and the groups of the split.
    groups = read_prepared(scripts.images, scripts.examples).split("probe_test").table["group"]
    for _, row in probes.iterrows():
        wrong = pd.Series(groups.index.isin(row["wrong"]))
        assert wrong.groupby(groups.to_numpy()).mean().mean() == pytest.approx(row["error"])
    assert description["dataset"] == DATASET


def test_probes_by_deep_feature_reweighting(scripts: Scripts) -> None:
    place = scripts.place("probe", *TRAINED[0])
    kept = place.read_bytes()
    try:
        scripts.probe(*TRAINED[0], protocol="dfr")
        probes, description = read_table(place, PROBES)
    finally:
        place.write_bytes(kept)
    # One probe of two draws for each feature, which the other protocol's settings do not describe.
    assert probes[["feature", "draw"]].to_numpy().tolist() == [["photo", 0], ["digit", 0]]
    assert probes["C"].isin(STRENGTHS).all()
    assert (probes["error"] < 0.5).all()
    expected = {"protocol": "dfr", "draws": 2, "per_group": None, "max_iterations": 10000}
    assert description["probe"] == expected


@pytest.mark.parametrize("run", TRAINED)
def test_importance(scripts: Scripts, run: tuple[str, str]) -> None:
    rows, description = read_table(scripts.place("importance", *run), RUN_IMPORTANCE)
    examples = read_prepared(scripts.images, scripts.examples).split("train").table
    assert rows["epoch"].tolist() == [1] * 832 + [2] * 832
    assert rows["id"].tolist() == examples["id"].tolist() * 2
    assert rows["weight"].between(0, 1, inclusive="neither").all()
    # SAM's radius, for the network that SGD has trained too.
    assert description["phantom_rho"] == 0.1
    assert description["method"] == run[0]
    assert description["compared"] == "sam"
    assert (rows["phantom_weight"] > rows["weight"]).mean() > 0.5


def test_collected_importance_tells_easy_from_hard(scripts: Scripts) -> None:
    points, about = read_table(scripts.folder / "importance.parquet", IMPORTANCE, subset=True)
    table = pd.read_csv(scripts.folder / "table1.csv")
    features = table.query("method == 'sgd'").set_index("metric")["feature"]
    assert (about["easy"], about["hard"]) == (
        features["easy_probe_error"],
        features["hard_probe_error"],
    )
    letter = {"photo": "a", "digit": "b"}[about["easy"]]
    rows, _ = read_table(scripts.place("importance", *TRAINED[1]), RUN_IMPORTANCE)
    of_sam = points[points["rho"] == 0.1]
    assert of_sam["easy_contribution"].tolist() == rows[f"contribution_{letter}"].tolist()
    assert of_sam["weight"].tolist() == rows["weight"].tolist()
    assert about["demonstration"]


def test_reports(scripts: Scripts) -> None:
    runs = read_table(scripts.folder / "runs.parquet", RUNS)[0]
    table = pd.read_csv(scripts.folder / "table1.csv")
    probes, _ = read_table(scripts.place("probe", *TRAINED[1]), PROBES)
    easy = table.query("method == 'sam' and metric == 'easy_probe_error'").iloc[0]
    errors = probes.loc[probes["feature"] == easy["feature"], "error"]
    assert easy["mean"] == pytest.approx(errors.mean())
    assert set(runs["seed"]) == {0}
    samples = read_table(scripts.folder / "bootstrap.parquet", BOOTSTRAP)[0]
    (row,) = samples[(samples["feature"] == easy["feature"]) & (samples["method"] == "sam")].iloc
    spread = runs.query(f"metric == '{easy['feature']}_probe_error_se' and method == 'sam'")[
        "value"
    ]
    assert row["errors"].std(ddof=1) == pytest.approx(spread.item())
    assert row["errors"].mean() == pytest.approx(errors.mean(), abs=5 * spread.item() / 1000**0.5)
    assert "SAM, reference | 0.0625" in (scripts.folder / "table1.md").read_text()
    for page in ("table1.md", "table1.tex", "grid.md"):
        assert "emonstration" in (scripts.folder / page).read_text()


def test_fetch_says_what_could_not_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from feature_quality.data import sources

    key = "MNIST/raw/t10k-labels-idx1-ubyte.gz"
    # Nothing listens on the discard port.
    nowhere = sources.Source(("http://127.0.0.1:9/labels.gz",), None, 4542, "none")
    monkeypatch.setitem(sources.SOURCES, key, nowhere)
    with pytest.raises(SystemExit, match=f"{key} could not be downloaded") as failure:
        Scripts(tmp_path)("fetch", output=[tmp_path / "labels.gz"], original=key)
    assert "Place the file by hand" in str(failure.value)
    assert not (tmp_path / "labels.gz").exists()
    logging.captureWarnings(False)


@pytest.mark.parametrize("dataset", ["fmnist_mnist", "cifar_mnist"])
def test_prepare_refuses_other_files_by_name(tmp_path: Path, dataset: str) -> None:
    wrong = tmp_path / "wrong.gz"
    wrong.write_bytes(b"not it")
    names = list(SPECS[dataset].originals)
    with pytest.raises(SystemExit, match=r"MNIST/raw/train-images-idx3-ubyte\.gz: md5"):
        Scripts(tmp_path)(
            "prepare",
            [tmp_path if name == "cifar" else wrong for name in names],
            {"images": tmp_path / "images.npy", "table": tmp_path / "images.parquet"},
            {"dataset": dataset, "module": SPECS[dataset].module, "names": names, "settings": {}},
        )
    assert not list(tmp_path.glob("images*"))
    logging.captureWarnings(False)
