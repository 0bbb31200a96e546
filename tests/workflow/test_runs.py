"""Whole runs, and what they leave."""

import os
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from .conftest import MADE, TINY, WHOLE, Tree, copy_workflow


def test_the_tables_are_there_and_say_that_they_demonstrate(finished_once: Tree) -> None:
    tables = finished_once.path / "results" / "tables"
    table = pd.read_csv(tables / "table1.csv")
    assert table["demonstration"].all()
    assert set(table["method"]) == {"sgd", "sam"}
    assert set(table["metric"]) == {"test_error", "easy_probe_error", "hard_probe_error"}
    assert table["mean"].between(0, 1).all()
    assert table["std"].isna().all()
    assert (table["n_seeds"] == 1).all()
    for name in ("table1.md", "table1.tex"):
        assert "DEMONSTRATION" in (tables / name).read_text()
    runs = pq.read_table(tables / "runs.parquet").to_pandas()
    sgd = runs[(runs["method"] == "sgd") & (runs["metric"] == "error") & (runs["split"] == "test")]
    sgd = sgd[sgd["dataset"] == "digits_photos"]
    mean = table.query("method == 'sgd' and metric == 'test_error'")["mean"]
    assert mean.tolist() == sgd["value"].tolist()


def test_table_2_is_there_and_says_that_it_demonstrates(finished_once: Tree) -> None:
    tables = finished_once.path / "results" / "tables"
    table = pd.read_csv(tables / "table2.csv")
    assert table["demonstration"].all()
    assert table["method"].tolist() == ["sgd", "sam"]
    assert (table["target"] == "R").all()
    assert table[["paper", "difference", "low", "high"]].isna().all(axis=None)
    runs = pq.read_table(tables / "runs.parquet").to_pandas()
    of_domains = runs[runs["dataset"] == "digits_domains_R"]
    errors = of_domains[of_domains["metric"] == "class_probe_error"].sort_values("rho")["value"]
    assert table["mean"].tolist() == (1 - errors).tolist()
    assert "domain_probe_error" not in set(of_domains["metric"])
    for name in ("table2.md", "table2.tex"):
        assert "DEMONSTRATION" in (tables / name).read_text()
    # Table 1 is about datasets of two features alone.
    assert set(pd.read_csv(tables / "table1.csv")["dataset"]) == {"digits_photos"}


def test_the_claims_are_there_and_say_that_they_demonstrate(finished_once: Tree) -> None:
    results = finished_once.path / "results"
    table = pd.read_csv(results / "claims.csv")
    assert set(table["claim"]) == set(range(1, 12))
    assert set(table["verdict"]) <= {"supported", "contradicted", "open", "not run"}
    assert set(table.loc[table["claim"].isin([3, 4, 7, 8, 9, 10]), "data"]) == {"toy"}
    made = table[table["runs"] > 0]
    # Nothing real was run, and one seed of the images decides nothing.
    assert set(made["data"]) == {"toy", "demonstration"}
    on_images = made[made["data"] == "demonstration"]
    assert set(on_images["claim"]) == {1, 2, 5, 6, 11}
    assert set(on_images["reason"]) == {"one seed"}
    assert set(on_images["check"]) >= {"1a", "1b", "11a", "11b"}
    of_toy = made[made["data"] == "toy"]
    assert (of_toy["runs"] + of_toy["dropped"] == 2).all()
    unmade = table[table["runs"] == 0]
    assert (unmade["verdict"] == "not run").all()
    assert unmade["reason"].notna().all()
    # Each number is that of the table beside it.
    means = pd.read_csv(results / "tables/table1.csv").set_index(["method", "metric"])["mean"]
    for claim, metric in ((1, "hard_probe_error"), (2, "easy_probe_error")):
        difference = means["sam", metric] - means["sgd", metric]
        # At the selected settings, and over a sweep of one learning rate.
        effects = on_images[on_images["claim"] == claim].set_index("check")["effect"].to_dict()
        assert effects == pytest.approx({f"{claim}{part}": difference for part in "ab"})
    accuracy = pd.read_csv(results / "tables/table2.csv").set_index("method")["mean"]
    transferred = on_images[on_images["claim"] == 11].set_index("check")["effect"]
    gain = accuracy["sam"] - accuracy["sgd"]
    assert transferred.to_dict() == pytest.approx({"11a": gain, "11b": gain})
    slopes = table[table["check"].isin(["1c", "2c", "11c"]) & (table["data"] == "demonstration")]
    assert slopes["reason"].tolist() == ["the sweep has one ρ"] * 3
    page = (results / "claims.md").read_text()
    assert "DEMONSTRATION data: a verdict on them says nothing of the paper." in page
    assert all(f"## Claim {claim}: " in page for claim in range(1, 12))


def test_a_target_domain_is_probed_as_it_is(finished_once: Tree) -> None:
    """With all of its training examples: no class is cut to the size of the smallest."""
    run = "digits_domains_R/sgd/lr=0.05/rho=0/seed=0"
    results = finished_once.path / "results"
    probes = pq.read_table(results / "probes" / run / "probe.parquet").to_pandas()
    sizes = [
        pq.read_table(results / "embeddings" / run / f"probe_{split}.parquet").num_rows
        for split in ("train", "test")
    ]
    assert probes[["feature", "n_train", "n_test"]].to_numpy().tolist() == [["class", *sizes]]


def test_every_figure_is_there(finished_once: Tree) -> None:
    figures = finished_once.results("figures")
    names = [*(f"figure_{number:02}" for number in range(1, 11)), "figure_appendix_d"]
    of_datasets = [f"figure_{number}" for number in ("03", "05", "07", "08")]
    of_datasets += ["learning", "sweep", "embedding", "groups"]
    names += [f"{figure}_digits_photos_sam" for figure in of_datasets]
    starts = {"pdf": b"%PDF", "png": b"\x89PNG", "json": b"{"}
    assert set(figures) == {f"figures/{name}.{kind}" for name in names for kind in starts}
    for name, content in figures.items():
        assert content.startswith(starts[name.split(".")[1]])


def test_every_part_of_the_toy_is_there(finished_once: Tree) -> None:
    runs = {
        name: pq.read_table(finished_once.path / "results" / name).to_pandas()
        for name in finished_once.results("toy")
        if name.endswith(".parquet") and "dynamics" not in name and "appendix_d" not in name
    }
    # Two seeds, each with SGD and LSAM, or with three interventions.
    assert {name.removeprefix("toy/"): len(table) for name, table in runs.items()} == {
        "complexity/complexity=270.parquet": 4,
        "interventions/kappa=constant.parquet": 6,
        "effects/effect=importance_weighting.parquet": 4,
        "effects/effect=learning_rate.parquet": 2,
        "effects/effect=direction.parquet": 2,
        "effects/effect=norm.parquet": 2,
        "noise/noise=label.parquet": 8,
        "noise/noise=gaussian.parquet": 8,
        "noise/noise=dropout.parquet": 16,
        "batch_size/batch_size=5,equal=updates.parquet": 4,
        "batch_size/batch_size=5,equal=epochs.parquet": 4,
    }
    # One run in several studies is one result.
    measures = ["train_error", "hard_error", "phantom_ratio_mean", "real_ratio_median"]
    same = [
        runs["toy/complexity/complexity=270.parquet"],
        runs["toy/batch_size/batch_size=5,equal=updates.parquet"],
        runs["toy/noise/noise=dropout.parquet"].query("level == 0 and noisy == 'both'"),
        runs["toy/noise/noise=dropout.parquet"].query("level == 0 and noisy == 'hard'"),
        pq.read_table(finished_once.path / "results/toy/dynamics/runs.parquet").to_pandas(),
    ]
    tables = [each.sort_values(["rho", "seed"])[measures].to_numpy() for each in same]
    assert all((each == tables[0]).all() for each in tables)


@pytest.mark.slow
def test_the_number_of_cores_changes_no_byte(finished_once: Tree, tmp_path: Path) -> None:
    tree = copy_workflow(tmp_path / "tree", WHOLE)
    # Of everything that is computed one, and of what is drawn one of the toy and one of images.
    figures = ("figure_02.pdf", "figure_05_digits_photos_sam.pdf")
    tree.run("table1", *(f"results/figures/{name}" for name in figures), cores=1)
    for name in tree.results(*MADE):
        found, expected = ((each.path / "results" / name) for each in (tree, finished_once))
        assert found.read_bytes() == expected.read_bytes(), name


@pytest.mark.slow
def test_every_method_has_a_row_in_every_table_and_figures_of_its_own(finished: Tree) -> None:
    """SGD's and SAM's runs are there; the other methods' are made beside them."""
    tree, methods = finished, {"methods": ["sgd", "sam", "lsam", "asam"]}
    radii = {"sam": [0.1], "lsam": [0.05, 0.1], "asam": [0.5]}
    of_domains = {"sam": [0.05], "lsam": [0.1], "asam": [0.5]}
    rates = {name: [0.02 if name == "asam" else 0.05] for name in methods["methods"]}
    grid = {
        "digits_photos": {"lr": rates, "rho": radii},
        "digits_domains": {"lr": [0.05], "rho": of_domains},
    }
    config = WHOLE | methods | {"grid": grid, "toy": {"studies": []}}
    (tree.path / "config.yaml").write_text(yaml.safe_dump(config))
    figure = "figures/groups_digits_photos_asam.pdf"
    tree.run("table1", "table2", f"results/{figure}")
    tables = tree.path / "results" / "tables"
    for name in ("table1", "table2"):
        table = pd.read_csv(tables / f"{name}.csv")
        assert list(table["method"].unique()) == methods["methods"]
        page = (tables / f"{name}.md").read_text()
        assert all(f"| {label} " in page for label in ("SGD", "SAM", "LSAM", "ASAM"))
    runs = pq.read_table(tables / "runs.parquet").to_pandas().query("dataset == 'digits_photos'")
    for key, expected in (("rho", {"sgd": [0]} | radii), ("lr", rates)):
        found = runs.groupby("method")[key].unique()
        assert {name: list(values) for name, values in found.items()} == expected
    assert "ASAM was not trained at SGD's learning rate." in (tables / "table1.md").read_text()
    assert figure in tree.results("figures")
    # Eight figures for each of three methods; that one is drawn.
    assert tree.due()["figure"] == 8 * len(radii) - 1


@pytest.mark.slow
def test_only_selected_runs_are_probed_on_request(tmp_path: Path) -> None:
    # One learning rate is far too small to be selected.
    grid = {"digits_photos": {"lr": [0.00001, 0.05], "rho": [0.1]}}
    tree = copy_workflow(tmp_path / "tree", TINY | {"grid": grid, "probe_runs": "selected"})
    tree.run("results/tables/grid.md")
    probed = {file.split("/")[3] for file in tree.results("probes")}
    assert probed == {"lr=0.05"}
    grid_page = (tree.path / "results/tables/grid.md").read_text()
    assert re.search(r"\|\s+\| SGD\s+\| 0\s+\| 0\.00001 .* – ", grid_page)
    assert "→" in grid_page
    runs = pq.read_table(tree.path / "results/tables/runs.parquet").to_pandas()
    assert set(runs.loc[runs["selected"], "lr"]) == {0.05}
    assert not tree.due("results/tables/grid.md")


@pytest.mark.slow
@pytest.mark.parametrize("probed", ["all", "selected"])
def test_a_diverged_run_is_counted_and_left_out(tmp_path: Path, probed: str) -> None:
    # So large a ρ that every run of SAM diverges, and SGD's at one of the learning rates.
    grid = {"digits_photos": {"lr": [1e10, 0.05], "rho": [12345678987654320.0]}}
    tree = copy_workflow(tmp_path / "tree", TINY | {"grid": grid, "probe_runs": probed})
    tree.run()
    grid_table = pd.read_csv(tree.path / "results/tables/grid.csv")
    metrics = set(grid_table.loc[grid_table["lr"] == 1e10, "metric"])
    # Its last finite weights may well be embedded, but say nothing of a representation.
    tested = {"error", "balanced_error", "worst_group_error"} if probed == "all" else set()
    assert metrics == {"diverged"} | tested
    assert (
        grid_table.loc[(grid_table["lr"] == 1e10) & (grid_table["metric"] == "error"), "mean"]
        .isna()
        .all()
    )
    selection = (tree.path / "results/selection/digits_photos.json").read_text()
    assert '"diverged": [\n        0\n      ]' in selection
    claims = pd.read_csv(tree.path / "results/claims.csv").query("data == 'demonstration'")
    assert set(claims["claim"]) == {1, 2, 5, 6}
    assert set(claims["reason"]) == {"no run of SAM has finished"}
    # Without SAM there is nothing to compare SGD with, but there is a sweep.
    assert not tree.results("importance")
    drawn = {name.split(".")[0] for name in tree.results("figures")}
    assert drawn == {"figures/learning_digits_photos_sam", "figures/sweep_digits_photos_sam"}
    assert not tree.due()
    said = tree.refuse("results/figures/groups_digits_photos_sam.png")
    assert "digits_photos: no run of sam has finished; there is nothing to compare" in said


def test_one_run_is_a_target(tree: Tree) -> None:
    run = "results/runs/digits_photos/sgd/lr=0.05/rho=0/seed=0"
    due = tree.due(f"{run}/history.parquet")
    assert due == {"prepare_digits_photos": 1, "split_digits_photos": 1, "train": 1}


def test_the_embedded_default_is_small_and_downloads_nothing(tmp_path: Path) -> None:
    due = copy_workflow(tmp_path / "tree").due()
    # 3 ρ × 4 seeds, and a target domain × 2 ρ × 4 seeds.
    assert due["train"] == due["embed"] == due["probe"] == 12 + 8
    assert due["fetch"] == 0
    # The toy's, and the learning curves and sweep of the dataset of two features; more of them
    # appear after the selection.
    assert due["figure"] == 11 + 2


@pytest.mark.slow
def test_the_paper_configuration_is_the_published_sweep(tmp_path: Path) -> None:
    due = copy_workflow(tmp_path / "tree").due("--configfile", "workflow/config/paper.yaml")
    assert due["train"] == due["embed"] == due["probe"] == 2 * 3 * 7 * 4 + 2 * 4 * 5 * 4
    for dataset in ("cifar_mnist", "fmnist_mnist", "celeba", "waterbirds"):
        assert due[f"prepare_{dataset}"] == 1
    assert due["toy_study"] == 5 + 2 + 4 + 3 + 2 * 8 + 17
    assert due["figure"] == 12 + 4 * 2
    # Eight files of MNIST and Fashion-MNIST, CIFAR-10's archive, three files of CelebA, Waterbirds'
    # archive, and the weights of the pretrained network.
    assert due["fetch"] == 8 + 1 + 3 + 1 + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "visible", "at_a_time"),
    [
        ((), "0", 4),
        (("gpu=8", "gpu_mb=4000"), "0", 2),
        (("gpu=3", "gpu_mb=80000"), "0", 3),
        (("gpu_mb=500",), "0", 1),
        # Hidden from the jobs, they run on the CPU, one per core.
        ((), "", 6),
    ],
)
def test_jobs_share_a_gpu_as_far_as_they_fit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: tuple[str, ...],
    visible: str,
    at_a_time: int,
) -> None:
    """A GPU that is found, by jobs that do nothing."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    stub = tmp_path / "bin" / "nvidia-smi"
    stub.parent.mkdir()
    stub.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    tree = copy_workflow(tmp_path / "tree", TINY | {"seeds": [0, 1, 2]})
    for script in ("prepare", "split", "train"):
        path = tree.path / "workflow" / "scripts" / f"{script}.py"
        path.write_text('for path in snakemake.output:\n    open(path, "w").close()\n')
    runs = [
        f"results/runs/digits_photos/{method}/lr=0.05/rho={rho}/seed={seed}/history.parquet"
        for method, rho in (("sgd", "0"), ("sam", "0.1"))
        for seed in range(3)
    ]
    examples = [f"results/data/digits_photos/split={seed}/examples.parquet" for seed in range(3)]
    tree.run(*examples)
    resources = ("--resources", *given) if given else ()
    said = tree.run(*runs, *resources, cores=8)
    numbers = [int(number) for number in re.findall(r"Execute (\d+) jobs", said)]
    assert max(numbers) == at_a_time


@pytest.mark.slow
def test_the_sweep_of_table_2_is_there(tmp_path: Path) -> None:
    tree = copy_workflow(tmp_path / "tree")
    data = tmp_path / "my data"
    for folder in ("PACS", "VLCS"):
        (data / folder).mkdir(parents=True)
    (data / "office_home.tar.gz").touch()
    (data / "resnet18-f37072fd.pth").touch()
    arguments = ("--configfile", "workflow/config/domainbed.yaml")
    due = tree.due(*arguments, "--config", f"data_dir={data}")
    # 12 target domains × 4 learning rates × 5 ρ × 4 seeds.
    assert due["train"] == due["embed"] == due["probe"] == 12 * 80
    for family in ("pacs", "vlcs", "office_home"):
        assert due[f"prepare_{family}"] == 1
    # Table 2 and the whole sweep.
    assert due["table"] == 2
    assert due["fetch"] == due["figure"] == 0
    # Without them, each is asked for by name.
    assert tree.due(*arguments)["fetch"] == 4


@pytest.mark.slow
def test_own_files_are_used_instead_of_downloads(tmp_path: Path) -> None:
    tree = copy_workflow(tmp_path / "tree")
    data = tmp_path / "my data"
    (data / "MNIST" / "raw").mkdir(parents=True)
    (data / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").touch()
    (data / "cifar10").mkdir()
    (data / "celeba" / "img_align_celeba").mkdir(parents=True)
    (data / "celeba" / "list_attr_celeba.txt").touch()
    (data / "waterbird_complete95_forest2water2").mkdir()
    (data / "resnet18-f37072fd.pth").touch()
    arguments = ("--configfile", "workflow/config/paper.yaml", "--config", f"data_dir={data}")
    # Seven files of MNIST and Fashion-MNIST, and CelebA's partition.
    assert tree.due(*arguments)["fetch"] == 7 + 1
