from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import PERTURBATIONS
from feature_quality.errors import InputError
from feature_quality.reporting.figures.figure_appendix_d import draw, log_ratios, plot

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
    figure = plot(rows)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    sets = {"w": "last layer", "θ": "all"}
    assert texts == [f"{name}, {symbol} perturbed" for name, symbol in product(METHODS, sets)]
    for panel, (loss, network) in zip(figure.axes, product(LOSSES, networks), strict=True):
        assert panel.get_title() == f"{network}: {loss}"
        symbols = "ρ‖∇m‖" if loss == "exponential loss" else "σ(m)·ρ‖∇m‖"
        assert panel.get_xlabel() == f"predicted, {symbols}"
        assert panel.get_ylabel() == "measured log($\\tilde{λ}$/λ)"
        # The line is where both agree.
        (line,) = panel.lines
        assert (line.get_xy1(), line.get_slope()) == ((0, 0), 1)
        marks = {scatter.get_label(): scatter for scatter in panel.collections}
        for method, (symbol, perturbed) in product(METHODS, sets.items()):
            chosen = rows[
                ((rows["trained_rho"] > 0) == (method == "LSAM"))
                & (rows["network"] == network)
                & (rows["perturbed"] == perturbed)
            ]
            assert len(chosen) == 6
            scatter = marks[f"{method}, {symbol} perturbed"]
            np.testing.assert_allclose(scatter.get_offsets(), expected(chosen, loss).T)
            assert same_color(scatter.get_edgecolor()[0, :3], METHODS[method])
    figure.draw_without_rendering()


def test_a_network_that_lsam_has_not_trained_has_marks_of_sgd_alone(perturbations_of) -> None:
    figure = plot(perturbations_of(NETWORKS[:1], trained=(0.0,)))
    for panel in figure.axes:
        found = {scatter.get_label(): len(scatter.get_offsets()) for scatter in panel.collections}
        assert [*found.values()] == [6, 6, 0, 0]
    figure.draw_without_rendering()


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
    assert {panel.get_title() for panel in drawing.figure.axes} == {
        f"toy: {loss}" for loss in LOSSES
    }
    assert drawing.texts[1:] == ["Left out, as it diverged: digits."]
