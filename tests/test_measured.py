"""What the documentation says was measured comes from the runs beside it."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from scipy import stats

from feature_quality.config.loading import load
from feature_quality.reporting.statistics import holm
from feature_quality.reporting.tables.table2 import PAPER

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "docs" / "measured"
# The folders of the datasets, each of which has the configuration of its runs.
RECORDS = sorted(path.parent for path in MEASURED.glob("*/config.yaml"))
# Those of two features, and those of target domains.
PROBED, TRANSFERRED = (
    [path for path in RECORDS if (path / table).exists()] for table in ("table1.csv", "table2.csv")
)
DETAILS = (MEASURED / "details.md").read_text()
PAGE = (MEASURED / "README.md").read_text() + DETAILS
VERDICTS = ("supported", "contradicted", "open")

each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
each_probed_record = pytest.mark.parametrize("record", PROBED, ids=lambda path: path.name)
each_transfer_record = pytest.mark.parametrize("record", TRANSFERRED, ids=lambda path: path.name)


def configuration_of(record: Path) -> dict[str, Any]:
    return yaml.safe_load((record / "config.yaml").read_text())


def runs_of(record: Path) -> pd.DataFrame:
    """The runs of a record; where there is one dataset, the file does not name it."""
    runs = pd.read_csv(record / "runs.csv")
    return (
        runs if "dataset" in runs else runs.assign(dataset=configuration_of(record)["datasets"][0])
    )


def selections_of(record: Path) -> dict[str, dict[str, Any]]:
    """The selection of each dataset."""
    read = (json.loads(path.read_text()) for path in record.glob("selection*.json"))
    return {selection["dataset"]: selection for selection in read}


def claims_of(record: Path) -> pd.DataFrame:
    return pd.read_csv(record / "claims.csv").astype({"check": str})


def errors_of(runs: pd.DataFrame, feature: str) -> pd.DataFrame:
    """A feature's probing errors: one row per seed, one column per method, ρ and learning rate."""
    rows = runs[(runs["metric"] == f"{feature}_probe_error") & (runs["split"] == "probe_test")]
    return rows.pivot_table(index="seed", columns=["method", "rho", "lr"], values="value")


def interval(values: pd.Series) -> tuple[float, float, float]:
    """The mean of independent numbers, and its 95 % t-interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


@each_record
def test_every_seed_of_every_setting_was_run(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = configuration_of(record)
    # A custom dataset's images, and weights, are not in the repository, and should exist.
    monkeypatch.chdir(tmp_path)
    for own in configuration.get("own", {}).values():
        Path(own["images"]).mkdir()
        Path(own["table"]).touch()
    for training in configuration.get("training", {}).values():
        if weights := training.get("weights"):
            Path(weights).parent.mkdir()
            Path(weights).touch()
    settings = load(configuration)
    wanted = {
        (dataset, method, lr, rho, seed)
        for dataset in settings.datasets
        for method in settings.methods
        for lr, rho in settings.grid_of(dataset).settings_of(method)
        for seed in settings.seeds
    }
    runs = runs_of(record)[["dataset", "method", "lr", "rho", "seed"]]
    assert set(runs.itertuples(index=False, name=None)) == wanted


@each_record
def test_the_selection_is_the_least_validation_error(record: Path) -> None:
    runs, selections = runs_of(record), selections_of(record)
    assert {*selections} == {*runs["dataset"]}
    setting = ["dataset", "method", "rho", "lr"]
    diverged = runs[runs["metric"] == "diverged"].groupby(setting)["value"].sum()
    validation = runs[runs["split"] == "val"]
    means = validation.pivot_table(index=setting, columns="metric", values="value")
    means = means.join(diverged.rename("diverged")).round(9).reset_index()
    ranked = means.sort_values(["diverged", "error", "loss", "rho", "lr"])
    for (dataset, method), candidates in ranked.groupby(["dataset", "method"], sort=False):
        choice = selections[dataset]["choices"][method]
        assert (choice["rho"], choice["lr"]) == tuple(candidates[["rho", "lr"]].iloc[0])
        assert choice["candidates"] == len(candidates)


@each_probed_record
def test_table_1_is_the_mean_of_its_runs(record: Path) -> None:
    runs = runs_of(record)
    table = pd.read_csv(record / "table1.csv")
    assert len(table)
    for row in table[table["n_settings"] == 1].to_dict("records"):
        metric, split = {
            "test_error": ("error", "test"),
            "worst_group_error": ("worst_group_error", "test"),
        }.get(row["metric"], (f"{row['feature']}_probe_error", "probe_test"))
        wanted = {key: row[key] for key in ("method", "lr", "rho")}
        wanted |= {"metric": metric, "split": split}
        values = runs.loc[(runs[list(wanted)] == pd.Series(wanted)).all(axis=1), "value"].dropna()
        assert row["n_seeds"] == len(values)
        assert (row["mean"], row["std"]) == pytest.approx((values.mean(), values.std(ddof=1)))


def accuracies(runs: pd.DataFrame, method: str, setting: dict[str, float]) -> pd.Series:
    """The accuracies on a target domain of a method's runs at a setting, by seed."""
    wanted = (runs["metric"] == "class_probe_error") & (runs["split"] == "probe_test")
    for name, value in ({"method": method} | setting).items():
        wanted &= runs[name] == value
    return 1 - runs[wanted].set_index("seed")["value"].sort_index()


@each_transfer_record
def test_table_2_is_the_mean_of_its_runs(record: Path) -> None:
    runs, table = runs_of(record), pd.read_csv(record / "table2.csv")
    assert len(table) == 2 * runs["dataset"].nunique()
    for row in table.to_dict("records"):
        of_target = runs[runs["dataset"].str.endswith("_" + row["target"])]
        values = accuracies(of_target, row["method"], {key: row[key] for key in ("lr", "rho")})
        assert row["n_seeds"] == len(values)
        assert (row["mean"], row["std"]) == pytest.approx((values.mean(), values.std(ddof=1)))
        found = interval(values - PAPER[row["dataset"]][row["method"]][row["target"]])
        assert found == pytest.approx((row["difference"], row["low"], row["high"]))


@each_transfer_record
def test_the_page_quotes_training_errors_of_the_networks(record: Path) -> None:
    (text,) = re.findall(r"^\*\*PACS at 64 px: .*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    runs = runs_of(record)
    of_training = runs[(runs["split"] == "train") & (runs["metric"] == "error")]
    means = of_training.groupby(["method", "lr"], sort=False)["value"].mean().round(3)
    numbers = [float(number) for number in re.findall(r"(?<!\d)\.\d{3}\b", text)]
    assert [number for number in numbers if number not in {*runs["lr"]}] == [
        means[method, lr] for method in ("sgd", "sam") for lr in sorted({*runs["lr"]})
    ]
    assert not runs.loc[runs["metric"] == "diverged", "value"].any()


@each_transfer_record
def test_claim_11_comes_from_the_runs(record: Path) -> None:
    runs, claims, selections = runs_of(record), claims_of(record), selections_of(record)
    assert {*claims["check"]} == {"11a", "11b"}
    assert len(claims) == 2 * len(selections)
    for row in claims.to_dict("records"):
        dataset = next(name for name in selections if name[-1] == row["where"][-1])
        of_target, choices = runs[runs["dataset"] == dataset], selections[dataset]["choices"]
        if row["check"] == "11a":
            at = {
                name: {key: choice[key] for key in ("lr", "rho")}
                for name, choice in choices.items()
            }
            gaps = [
                accuracies(of_target, "sam", at["sam"]) - accuracies(of_target, "sgd", at["sgd"])
            ]
        else:
            gaps = [
                accuracies(of_target, "sam", {"lr": lr, "rho": row["rho"]})
                - accuracies(of_target, "sgd", {"lr": lr})
                for lr in sorted({*of_target["lr"]})
            ]
        found = interval(sum(gaps) / len(gaps))
        assert found == pytest.approx((row["effect"], row["low"], row["high"]), abs=1e-7), row
    assert claims["adjusted_p"].to_numpy() == pytest.approx(holm(claims["p"]).to_numpy())


@each_probed_record
def test_claims_1_and_2_come_from_the_runs(record: Path) -> None:
    """Recompute their effects and intervals from the probing errors."""
    runs, claims = runs_of(record), claims_of(record)
    (selection,) = selections_of(record).values()
    choices = selection["choices"]
    for row in claims[claims["claim"] <= 2].to_dict("records"):
        errors = errors_of(runs, row["note"].split(";")[0].split(",")[0])
        method = row["method"]
        if row["check"].endswith("a"):
            sgd, other = choices["sgd"], choices[method]
            values = (
                errors[method, other["rho"], other["lr"]] - errors["sgd", 0.0, sgd["lr"]]
            ).dropna()
        else:
            gaps = errors[method].sub(errors["sgd"][0.0], axis=1, level=1)
            gaps = gaps.T.groupby(level=0).mean().T
            gaps[0.0] = 0.0
            if row["check"].endswith("b"):
                values = gaps[row["rho"]]
            else:
                centred = gaps.columns.to_series() - gaps.columns.to_series().mean()
                values = (gaps * centred).sum(axis=1) / (centred**2).sum()
        found = interval(values)
        assert found == pytest.approx((row["effect"], row["low"], row["high"]), abs=1e-7), row


@each_probed_record
def test_claims_1_2_and_6_are_open_where_sgd_does_not_tell_easy_from_hard(record: Path) -> None:
    runs, claims = runs_of(record), claims_of(record)
    (selection,) = selections_of(record).values()
    lr = selection["choices"]["sgd"]["lr"]
    features = runs.loc[runs["metric"].str.endswith("_probe_error"), "metric"].unique()
    one, other = (
        errors_of(runs, each.removesuffix("_probe_error"))["sgd", 0.0, lr] for each in features
    )
    _, low, high = interval(one - other)
    untold = claims["reason"] == "SGD's errors do not tell easy from hard"
    expected = claims["claim"].isin([1, 2, 6]) & (low < 0 < high)
    assert untold.tolist() == expected.tolist()
    assert set(claims.loc[untold, "adjusted_verdict"]) <= {"open"}


TOY = pd.read_csv(MEASURED / "toy" / "claims.csv")
# An effect and its interval: −.134 [−.166, −.101].
QUOTED = re.compile(r"([−+]?\d*\.\d+) \[([−+]?\d*\.\d+), ([−+]?\d*\.\d+)\]")


def quoted(text: str) -> list[tuple[float, ...]]:
    """The effects and intervals that a text quotes."""
    return [
        tuple(float(number.replace("−", "-")) for number in match) for match in QUOTED.findall(text)
    ]


def rounded(rows: pd.DataFrame, *digits: int) -> set[tuple[float, ...]]:
    """The effects and intervals of some checks, to the digits of the quotations."""
    return {
        tuple(round(float(row[key]), each) for key in ("effect", "low", "high"))
        for row in rows.to_dict("records")
        for each in digits or (3, 4)
    }


def table_of(page: str, first: str) -> dict[str, dict[str, str]]:
    """A table's rows by their first cell, each by the header's cells; *first* begins its header."""
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page[page.index(first) :].split("\n\n")[0].splitlines()
    )
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


SAM_TABLE = table_of(PAGE, "| | the paper says |")
METHODS_TABLE = table_of(PAGE, "| check | LSAM | ASAM |")
# The column of each record and method.
COLUMNS = {
    ("cifar_mnist", "sam"): (SAM_TABLE, "CIFAR-MNIST"),
    ("fmnist_mnist", "sam"): (SAM_TABLE, "FMNIST-MNIST"),
    ("celeba_subset", "sam"): (SAM_TABLE, "CelebA subset"),
    ("celeba_subset_lite0", "sam"): (SAM_TABLE, "CelebA subset, Lite0"),
    ("cifar_mnist", "lsam"): (METHODS_TABLE, "LSAM"),
    ("cifar_mnist", "asam"): (METHODS_TABLE, "ASAM"),
}


@each_probed_record
def test_the_page_gives_each_checks_effect_and_verdict(record: Path) -> None:
    for method, claims in claims_of(record).groupby("method"):
        table, column = COLUMNS[record.name, method]
        for check, row in table.items():
            said = row[column]
            rows = claims[claims["claim"] == int(check[0])]
            if check in ("5", "6"):
                counts = "; before correction ".join(
                    " / ".join(str((rows[verdict] == each).sum()) for each in VERDICTS)
                    for verdict in ("adjusted_verdict", "verdict")
                )
                assert said == (counts if len(rows) else "not run")
                continue
            rows = rows[rows["check"] == check]
            # 1b and 2b have a check per radius, and the page has the largest's.
            (found,) = rows[rows["rho"].isna() | (rows["rho"] == rows["rho"].max())].to_dict(
                "records"
            )
            assert_gives(said, found, 4)


def assert_gives(cell: str, check: dict[str, Any], digits: int) -> None:
    """A cell of a table has a check's verdict, effect and interval."""
    assert cell.startswith(check["adjusted_verdict"] + ": ")
    assert quoted(cell) == [tuple(round(check[key], digits) for key in ("effect", "low", "high"))]
    # Where only the correction keeps a check open, its p says so.
    p = re.findall(r", p (\.\d+)", cell)
    differs = check["verdict"] != check["adjusted_verdict"]
    assert [float(each) for each in p] == [round(check["adjusted_p"], 2)] * differs


@each_transfer_record
def test_the_page_gives_the_accuracies_and_checks_of_each_target(record: Path) -> None:
    table = pd.read_csv(record / "table2.csv").set_index(["target", "method"])
    claims = claims_of(record).assign(target=lambda rows: rows["where"].str[-1])
    said = table_of(PAGE, "| target | SGD | SAM |")
    assert [target[0] for target in said] == [*table.index.unique("target")]
    for target, cells in said.items():
        for method in ("sgd", "sam"):
            row = table.loc[(target[0], method)]
            spread = f"{row['mean']:.3f} ± {row['std']:.3f}, lr {row['lr']:g}".replace("0.", ".")
            assert cells[method.upper()] == spread
            assert cells[f"the paper's {method.upper()}"] == f"{row['paper']:.3f}"[1:]
        for check in ("11a", "11b"):
            of_target = (claims["target"] == target[0]) & (claims["check"] == check)
            (found,) = claims[of_target].to_dict("records")
            assert_gives(cells[check], found, 3)


# What the page says of each dataset begins with its name.
PARAGRAPHS = {
    name: re.findall(rf"^\*\*{heading}: .*?(?=^\*\*|^##)", PAGE, re.MULTILINE | re.DOTALL)
    for (name, method), (_, heading) in COLUMNS.items()
    if method == "sam"
}


@each_probed_record
def test_the_page_quotes_errors_and_effects_of_the_dataset(record: Path) -> None:
    (text,) = PARAGRAPHS[record.name]
    grid = pd.read_csv(record / "grid.csv")
    errors = grid[grid["metric"].str.endswith("error") & grid["split"].isin(["test", "probe_test"])]
    numbers = re.findall(r"(?<![\d.])\.\d{3,4}\b", QUOTED.sub("", text))
    rates = {f"{lr:g}".lstrip("0") for lr in grid["lr"]}
    assert numbers
    for number in set(numbers) - rates:
        digits = len(number) - 1
        assert float(number) in set(errors["mean"].round(digits)), number
    # From one to another, or from several to as many: the same error under SGD and under SAM.
    of_sgd, of_sam = (errors[errors["method"] == name] for name in ("sgd", "sam"))
    both = of_sgd.merge(of_sam, "inner", ["metric", "split"], suffixes=("", "_sam"))
    same_rate, selected = both["lr"] == both["lr_sam"], both["selected"] & both["selected_sam"]
    both = both[same_rate | selected]
    some = r"((?:\.\d{3,4}(?:, | and )?)+)"
    changes = re.findall(rf"from {some} to {some}", " ".join(text.split()))
    assert changes
    for change in changes:
        lists = [re.findall(r"\.\d+", each) for each in change]
        for start, end in zip(*lists, strict=True):
            found = (both["mean"].round(len(start) - 1), both["mean_sam"].round(len(end) - 1))
            assert ((found[0] == float(start)) & (found[1] == float(end))).any(), (start, end)
    assert set(quoted(text)) <= rounded(claims_of(record), 4) | {slope_of_the_older_record()}


def test_the_summary_has_the_numbers_of_the_details() -> None:
    summary = re.findall(r"^- (\*\*.*?)\n(?=- |\n)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(summary) >= 4
    numbers = {number for each in summary for number in re.findall(r"[−+]?\.\d{3,4}\b", each)}
    assert numbers <= {*re.findall(r"[−+]?\.\d{3,4}\b", DETAILS)}


def test_the_page_quotes_each_methods_errors_at_the_common_learning_rate() -> None:
    errors = errors_of(runs_of(MEASURED / "cifar_mnist"), "cifar")
    at = {
        name: errors[name].xs(0.05, axis=1, level="lr") for name in ("sgd", "sam", "lsam", "asam")
    }
    for name in ("sam", "lsam", "asam"):
        (line,) = re.findall(rf"^\| {name.upper()}, ρ.*$", PAGE, re.MULTILINE)
        found = [interval(at[name][rho] - at["sgd"][0.0]) for rho in at[name]]
        assert quoted(line) == [tuple(round(number, 4) for number in each) for each in found]
    less = interval(at["sam"][0.2] - at["lsam"][0.05])
    assert tuple(round(number, 4) for number in less) in quoted(PAGE)


def slope_of_the_older_record() -> tuple[float, ...]:
    """Check 1c of CIFAR-MNIST and its interval, computed after the fact."""
    runs = pd.read_csv(MEASURED / "one_split" / "runs.csv")
    runs = runs[(runs["metric"] == "cifar_probe_error") & (runs["dataset"] == "cifar_mnist")]
    errors = runs.pivot_table(index="seed", columns=["lr", "rho"], values="value")
    gaps = errors.sub(errors.xs(0.0, axis=1, level="rho"), axis=1, level="lr")
    gaps = gaps.T.groupby(level="rho").mean().T
    slopes = [stats.linregress(gaps.columns, row).slope for row in gaps.to_numpy()]
    return tuple(round(number, 4) for number in interval(pd.Series(slopes)))


def test_the_page_quotes_the_older_record() -> None:
    claims = pd.read_csv(MEASURED / "one_split" / "claims.csv")
    lines = PAGE[PAGE.index("## An older record") :]
    assert set(quoted(lines)) == rounded(claims[claims["claim"] <= 2].dropna(subset="effect"), 4)
    assert slope_of_the_older_record() in quoted(PAGE[: PAGE.index("## An older record")])


def test_the_page_corrects_two_datasets_together_where_it_says_so() -> None:
    names = "cifar_mnist", "fmnist_mnist"
    records = [claims_of(MEASURED / name).assign(record=name) for name in names]
    claims = pd.concat(records, ignore_index=True)
    claims = claims[(claims["method"] == "sam") & (claims["claim"] <= 2)]
    claims = claims.assign(together=claims.groupby("claim")["p"].transform(holm))
    supported = claims[(claims["together"] <= 0.05) & (claims["effect"] < 0)]
    assert supported[["record", "check"]].to_numpy().tolist() == [["fmnist_mnist", "1a"]]
    fmnist = claims[claims["record"] == "fmnist_mnist"].groupby("check")["together"].max().round(3)
    text = " ".join(PAGE.split())
    assert (
        f"1a would then be supported, p {fmnist['1a']}; its 1b and 1c would have p "
        f"{fmnist['1b']}, and its 2b and 2c {fmnist['2b']}."
    ).replace("0.", ".") in text
    assert (fmnist["1b"], fmnist["2b"]) == (fmnist["1c"], fmnist["2c"])
    older = pd.read_csv(MEASURED / "one_split" / "claims.csv").query("claim == 1")
    older = older.dropna(subset="effect").set_index("where")
    error = (older["high"] - older["low"]) / 2 / stats.t.ppf(0.975, older["runs"] - 1)
    p = pd.Series(2 * stats.t.sf(older["effect"].abs() / error, older["runs"] - 1), older.index)
    alone, both = (f"p {each['FMNIST-MNIST']:.3f}".replace("0.", ".") for each in (p, holm(p)))
    assert f"FMNIST-MNIST's 1a has {alone}." in text
    assert f"−.0018], {both} |" in text


def test_the_front_page_says_what_the_checks_of_the_records_gave() -> None:
    claims = pd.concat(claims_of(record).assign(record=record.name) for record in RECORDS)
    # 5c is a control of ours.
    claims = claims[(claims["method"] == "sam") & (claims["check"] != "5c")]
    page = (ROOT / "README.md").read_text()
    lines = dict(re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|", page, re.MULTILINE))
    for claim in (1, 2, 11):
        assert quoted(lines[str(claim)])
        assert set(quoted(lines[str(claim)])) <= rounded(claims[claims["claim"] == claim])
    for claim in (5, 6):
        verdicts = claims.loc[claims["claim"] == claim, "adjusted_verdict"]
        supported, contradicted = ((verdicts == each).sum() for each in VERDICTS[:2])
        counts = rf"{supported} of {len(verdicts)} checks (is|are) supported, {contradicted} contr"
        assert re.search(counts, lines[str(claim)])
    of_subset = claims[claims["record"].str.startswith("celeba_subset")]
    five, six = (
        f"{(of_subset['claim'] == claim).sum()} of the {(claims['claim'] == claim).sum()}"
        for claim in (5, 6)
    )
    assert f"{five} and {six}" in page


def test_the_front_page_counts_the_verdicts_on_single_effects() -> None:
    (line,) = re.findall(r"^\| 8 \|.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    alone = TOY[TOY["check"].isin(["8a", "8e"])]
    for words, rows, verdict, said in (
        ("learning rate", alone, "supported", "**supported** in {} of {} checks"),
        ("importance weight", alone, "contradicted", "**contradicted** in {} of {}:"),
        (
            "",
            TOY[TOY["check"].isin(["8b", "8d", "8f"])],
            "contradicted",
            "**contradicted** in {} of {},",
        ),
    ):
        verdicts = rows.loc[rows["where"].str.contains(words), "adjusted_verdict"]
        verdicts = verdicts[verdicts != "not run"]
        assert said.format((verdicts == verdict).sum(), len(verdicts)) in line


def test_the_front_page_quotes_the_toys_checks() -> None:
    lines = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    found = {int(claim): quoted(toy) for claim, toy in lines}
    assert all(found[claim] for claim in (3, 4, 5, 7, 8, 9, 10))
    for claim, numbers in found.items():
        assert set(numbers) <= rounded(TOY[TOY["claim"] == claim]), claim


def test_the_page_of_the_toy_quotes_its_checks() -> None:
    page = (ROOT / "docs" / "toy.md").read_text()
    lines = re.findall(r"^\| ((?:(?:\d+[a-j]|9)(?:, )?)+) \|(.*)$", page, re.MULTILINE)
    checks = {check for first, _ in lines for check in first.split(", ")}
    assert checks == set(TOY["check"])
    for first, rest in lines:
        rows = TOY[TOY["check"].isin(first.split(", "))]
        assert set(quoted(rest)) <= rounded(rows), first
        counts = {name: (rows["adjusted_verdict"] == name).sum() for name in VERDICTS}
        said = f"{counts['supported']} / {counts['contradicted']} / {counts['open']}"
        assert f" {said} " in rest, (first, said)
