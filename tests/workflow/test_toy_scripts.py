"""The scripts of the toy study and its figures, run alone on small parts."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from feature_quality.artifacts.parquet import read_table, read_tables
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, PERTURBATIONS, POINTS, TOY_RUNS
from feature_quality.artifacts.weights import read_weights
from feature_quality.config.loading import load
from feature_quality.reporting.registry import figures
from feature_quality.toy.runs import expand_grid

from .conftest import WHOLE, run_script

TOY = load(WHOLE).toy
SETTINGS = {
    "distribution": TOY.distribution.model_dump(),
    "lr": TOY.training.lr,
    "snapshot_epochs": TOY.grid.snapshot_epochs,
    "rho": TOY.shown.rho,
}
BASE = {"complexity": [270.0], "batch_size": [5], "steps": [24]}
COMPARED = BASE | {"rho": [0.0, 0.5], "seed": [0, 1]}
AXES = {
    "complexity": COMPARED,
    "interventions": BASE
    | {"intervention": ["importance_weighting", "learning_rate", "both"]}
    | {"kappa": ["tracking"], "alpha": [0.5, 2.0], "seed": [0, 1]},
    "noise": COMPARED
    | {"noise": ["label", "gaussian", "dropout"], "noisy": ["both", "hard"], "level": [0.0, 0.1]},
    "batch_size": COMPARED | {"budget": ["updates", "epochs"]},
    "constants": COMPARED | {"intervention": [None, "importance_weighting", "learning_rate"]},
}
DYNAMICS = ("runs", "epochs", "points", "contours", "networks")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what all scripts of the toy have written."""
    deterministic, threads = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    folder = tmp_path_factory.mktemp("toy")
    for study, axes in AXES.items():
        params = {"axes": axes, "settings": SETTINGS}
        run_script(folder, "toy_study", output=[folder / study], params=params)
    run_script(
        folder,
        "toy_dynamics",
        output={name: folder / name for name in DYNAMICS},
        params={"axes": COMPARED, "settings": SETTINGS},
    )
    trained = {name: folder / name for name in ("runs", "networks")}
    run_script(folder, "perturb", trained, [folder / "appendix_d"], {"rho": TOY.shown.rho})
    yield folder
    torch.set_deterministic_debug_mode(deterministic)
    torch.set_num_threads(threads)
    logging.captureWarnings(False)


@pytest.mark.parametrize("study", AXES)
def test_a_study_has_one_row_per_run(toy: Path, study: str) -> None:
    runs, description = read_table(toy / study, TOY_RUNS)
    assert len(runs) == len(expand_grid(AXES[study]))
    assert runs["diverged_step"].isna().all()
    assert runs["hard_error"].between(0, 1).all()
    assert description["lr"] == 0.01
    assert description["code"] == "0123456789abcdef"


def test_how_many_runs_are_trained_at_a_time_changes_no_byte(tmp_path: Path) -> None:
    params = {"axes": AXES["batch_size"], "settings": SETTINGS}
    for threads in (1, 3):
        output = [tmp_path / str(threads)]
        run_script(tmp_path, "toy_study", output=output, params=params, threads=threads)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()


def test_sgd_and_lsam_part_from_the_same_start(toy: Path) -> None:
    runs = read_tables([toy / "complexity"], TOY_RUNS).set_index(["rho", "seed"])
    assert (runs.loc[0, "easy_scaling"] == 1).all()
    assert (runs.loc[0.5, "easy_scaling"] < 1).all()


def test_dynamics_keeps_snapshots_and_the_end(toy: Path) -> None:
    points, _ = read_table(toy / "points", POINTS)
    assert sorted(points["epoch"].unique()) == [1, 2]
    assert len(points) == 2 * 4 * 60
    epochs, _ = read_table(toy / "epochs", EPOCHS)
    assert len(epochs) == 2 * 4
    contours, _ = read_table(toy / "contours", CONTOURS)
    assert set(contours["seed"]) == {0}
    assert set(contours["rho"]) == {0, 0.5}
    assert read_weights(toy / "networks")["last"].shape == (4, 2)


def test_perturbations_are_of_every_network(toy: Path) -> None:
    table, _ = read_table(toy / "appendix_d", PERTURBATIONS)
    assert set(table["seed"]) == {0, 1}
    assert set(table["trained_rho"]) == {0, 0.5}
    assert len(table) == 2 * 2 * 2 * 60
    last = table[table["perturbed"] == "last layer"]
    # Only the last layer moves, and the margin is linear in it.
    drop = last["margin"] - last["phantom_margin"]
    assert drop.to_numpy() == pytest.approx(last["rho"] * last["gradient_norm"])


# What stands for the files of a study that a figure is drawn from.
STANDS_FOR = {"shown": "complexity"}
FIGURES = {name: spec for name, spec in figures().items() if "toy" in spec.inputs}


@pytest.mark.slow
@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_drawn_twice_the_same(toy: Path, tmp_path: Path, figure: str) -> None:
    inputs = {name: [toy / STANDS_FOR.get(name, name)] for name in FIGURES[figure].inputs["toy"]}
    drawn = []
    for turn in ("first", "second"):
        output = {kind: tmp_path / f"{turn}.{kind}" for kind in ("pdf", "png", "json")}
        params = {"figure": figure, "method": None, "run_note": "Made up."}
        run_script(tmp_path, "figure", inputs, output, params)
        drawn.append([path.read_bytes() for path in output.values()])
    logging.captureWarnings(False)
    assert drawn[0] == drawn[1]
    sidecar = json.loads((tmp_path / "first.json").read_text())
    # What the figure says of itself stands between.
    caption = sidecar["caption"]
    assert caption.startswith("A caption. ")
    assert caption.endswith(" Made up.")
    assert sidecar["constants"] == {"ours": {"a": 1}}
    assert set(sidecar["run_metadata"]["versions"]) == {"matplotlib", "seaborn", "pandas", "numpy"}
    assert sidecar["inputs"] == {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for files in inputs.values()
        for file in files
    }
    (origin,) = sidecar["inputs_made_by"]
    assert origin["code"] == "0123456789abcdef"
    assert origin["versions"]["numpy"]
