import pandas as pd
import pytest
from matplotlib import pyplot as plt

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.constants import shares, verdicts
from feature_quality.reporting.figures.toy_constants import plot


@pytest.fixture(scope="module")
def table(toy_runs, tmp_path_factory) -> pd.DataFrame:
    """Three settings: LSAM helps, LSAM does not help, SGD does not fail."""
    settings = {
        "documented": ([0.3, 0.4, 0.5], -0.1),
        "easy_scale=2,hard_scale=1": ([0.3, 0.4, 0.5], 0.1),
        "width=50": ([0.0, 0.01, 0.02], 0.0),
    }
    files = []
    for name, (sgd, change) in settings.items():
        runs = [
            toy_runs([each + change * (rho > 0) for each in sgd], rho=rho, intervention=kind)
            for kind in (None, "importance_weighting", "learning_rate")
            for rho in (0.0, 1.0)
            if kind is None or rho
        ]
        files.append(str(tmp_path_factory.mktemp("constants") / f"{name}.parquet"))
        write_table(files[-1], pd.concat(runs, ignore_index=True), TOY_RUNS, {})
    return verdicts(files)


def test_each_setting_has_its_verdicts_and_its_name(table) -> None:
    exists = table.groupby("setting")["exists"].first().to_dict()
    assert exists == {
        "documented": True,
        "easy_scale 2, hard_scale 1": True,
        "width 50": False,
    }
    found = table.set_index(["setting", "check"])["verdict"]
    for check in ("3b", "8e weights", "8e rates"):
        assert found["documented", check] == "supported"
        assert found["easy_scale 2, hard_scale 1", check] == "contradicted"
    assert set(table["rho"]) == {1.0}


def test_shares_are_of_the_settings_where_sgd_fails(table) -> None:
    row = shares(table).set_index("check").loc["3b"]
    assert row[["settings", "supported", "contradicted", "share"]].tolist() == [2, 1, 1, 0.5]


def test_checks_that_could_not_be_made_are_no_part_of_a_share(table) -> None:
    beyond = (table["check"] == "3b") & (table["setting"] == "documented")
    table = table.assign(verdict=table["verdict"].mask(beyond, "not run"))
    counted = shares(table).set_index("check")
    names = ["settings", "supported", "contradicted", "open", "not run", "share"]
    assert counted.loc["3b", names].tolist() == [2, 0, 1, 0, 1, 0]
    never = table.assign(verdict="not run")
    assert shares(never)["share"].isna().all()
    figure = plot(table)
    assert figure.axes[0].get_xticklabels()[0].get_text() == "3b  0/1"
    plt.close(figure)
    assert shares(table[~table["exists"]]).empty
    plt.close(plot(table[~table["exists"]]))


def test_the_figure_has_a_row_for_each_setting_and_a_column_for_each_check(table) -> None:
    figure = plot(table)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == table[
        "setting"
    ].unique().tolist()
    columns = [label.get_text() for label in panel.get_xticklabels()]
    assert columns[0] == "3b  1/2"
    (image,) = panel.images
    assert image.get_array()[:, 0].tolist() == [0, 2, 1]
    plt.close(figure)
