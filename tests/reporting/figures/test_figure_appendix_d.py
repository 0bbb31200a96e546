from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import PERTURBATIONS
from feature_quality.errors import InputError
from feature_quality.reporting.figures.figure_appendix_d import draw, plot
from feature_quality.reporting.perturbations import log_ratios

METHODS = {"SGD": "#0072B2", "LSAM": "#D55E00"}
LOSSES = ("exponential loss", "logistic loss")
NETWORKS = ("toy", "digits")


def weight(margin: pd.Series, loss: str) -> pd.Series:
    """Return λ, the slope of the loss."""
    return np.exp(-margin) if loss == "exponential loss" else 1 / (1 + np.exp(margin))


def expected(rows: pd.DataFrame, loss: str) -> np.ndarray:
    measured = np.log(weight(rows["phantom_margin"], loss) / weight(rows["margin"], loss))
    predicted = rows["rho"] * rows["gradient_norm"]
    if loss == "logistic loss":
        predicted = predicted * np.exp(rows["margin"]) / (1 + np.exp(rows["margin"]))
    return np.stack([predicted, measured])


@pytest.mark.parametrize("loss", LOSSES)
def test_the_ratios_are_those_of_the_weights(perturbations_of, loss) -> None:
    rows = perturbations_of()
    np.testing.assert_allclose(log_ratios(rows, loss), expected(rows, loss))
    # Large margins are no trouble.
    large = {"margin": [1000.0, -500.0], "phantom_margin": [999.0, -501.0]}
    rows = pd.DataFrame({"rho": 0.5, "gradient_norm": 2.0} | large)
    rise = [1, 1] if loss == "exponential loss" else [1, 0]
    np.testing.assert_allclose(log_ratios(rows, loss), [rise, rise], atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_small_perturbation_raises_the_weight_as_predicted(loss) -> None:
    margin, norm, rho = np.linspace(-4, 4, 9), np.linspace(0.1, 5, 9), 1e-5
    rows = {"rho": rho, "margin": margin, "phantom_margin": margin - rho * norm}
    predicted, measured = log_ratios(pd.DataFrame(rows | {"gradient_norm": norm}), loss)
    np.testing.assert_allclose(measured, predicted, rtol=1e-4)


@pytest.mark.parametrize("networks", [NETWORKS, NETWORKS[::-1]])
def test_a_column_is_a_network_a_row_a_loss_and_marks_are_examples(
    perturbations_of, networks
) -> None:
    rows = perturbations_of(networks)
    # LSAM has not trained it.
    rows = rows[(rows["network"] == "toy") | (rows["trained_rho"] == 0)]
    columns = [(name, method) for name in networks for method in METHODS]
    columns.remove(("digits", "LSAM"))
    figure = plot(rows)
    for panel, (loss, (network, method)) in zip(figure.axes, product(LOSSES, columns), strict=True):
        first = loss == LOSSES[0]
        assert panel.get_title() == (f"{network},\ntrained by {method}" if first else "")
        assert panel.get_xlabel() == f"predicted, {'ρ‖∇m‖' if first else 'σ(m)·ρ‖∇m‖'}"
        of_network = rows[
            (rows["network"] == network) & ((rows["trained_rho"] > 0) == (method == "LSAM"))
        ]
        *marks, line = panel.lines
        # It is where both agree.
        assert (line.get_xy1(), line.get_slope()) == ((0, 0), 1)
        for mark, shape, perturbed in zip(marks, "ox", ("last layer", "all"), strict=True):
            chosen = of_network[of_network["perturbed"] == perturbed]
            assert len(chosen) == 6
            np.testing.assert_allclose(mark.get_data(), expected(chosen, loss))
            assert same_color(mark.get_color(), METHODS[method])
            assert (mark.get_marker(), mark.get_markerfacecolor()) == (shape, "none")
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["last layer w perturbed", "all parameters θ perturbed"]
    figure.draw_without_rendering()


def test_the_caption_counts_the_seeds_of_each_network(perturbations_of, tmp_path) -> None:
    toy, digits = (perturbations_of([name]) for name in NETWORKS)
    tables = {"toy": pd.concat([toy, toy.assign(seed=3)]), "digits": digits}
    for name, table in tables.items():
        write_table(tmp_path / name, table, PERTURBATIONS, {})
    drawing = draw({"appendix_d": [str(tmp_path / name) for name in tables]}, None)
    assert drawing.texts == ["Examples of toy, 2 seeds; digits, 1 seed."]


@pytest.mark.parametrize("lost", [{"digits"}, {"toy", "digits"}])
def test_a_diverged_network_is_not_drawn(perturbations_of, tmp_path, lost) -> None:
    paths = []
    for name in NETWORKS:
        table = perturbations_of([name])
        diverged = [1, 2] if name in lost else None
        about = {} if name == "toy" else {"run": {"dataset": name, "diverged": diverged}}
        if name == "toy" and name in lost:
            table["phantom_margin"] = np.inf
        paths.append(str(tmp_path / name))
        write_table(paths[-1], table, PERTURBATIONS, about)
    if "toy" in lost:
        with pytest.raises(InputError, match="every network has diverged"):
            draw({"appendix_d": paths}, None)
        return
    drawing = draw({"appendix_d": paths}, None)
    titles = ["toy,\ntrained by SGD", "toy,\ntrained by LSAM", "", ""]
    assert [panel.get_title() for panel in drawing.figure.axes] == titles
    assert drawing.texts == ["Examples of toy, 1 seed.", "Left out, as it diverged: digits."]
