import pandas as pd
import pytest

from feature_quality.reporting.claims.effects import check as effects

SGD = [0.3, 0.4, 0.5]


def test_each_effect_is_compared_with_sgd_and_weights_with_rates(toy_runs, only, found) -> None:
    changes = {
        ("importance_weighting", "intervention"): [-0.10, -0.11, -0.12],
        ("importance_weighting", "sgd"): [-0.010, -0.011, -0.012],
        ("learning_rate", "intervention"): [-0.12, -0.13, -0.12],
        ("direction", "intervention"): [0.1, 0.1, 0.1],
        ("norm", "intervention"): [0.1, -0.1, 0.0],
    }
    runs = [
        toy_runs(
            [sgd + change for sgd, change in zip(SGD, of_kind, strict=True)],
            rho=0.5,
            intervention=kind,
            last_follows=follows,
        )
        for (kind, follows), of_kind in changes.items()
    ]
    trained = [toy_runs(SGD), toy_runs([0.9, 0.9, 0.9], complexity=180.0)]
    rows = effects(pd.concat(runs), pd.concat(trained))
    alone = found(rows, "8e")
    assert alone["effect"].tolist() == pytest.approx([-0.11, -0.011, -0.37 / 3, 0.1, 0])
    assert alone["verdict"].tolist() == [*["supported"] * 3, "contradicted", "open"]
    assert set(alone["rho"]) == {0.5}
    ratios = found(rows, "8f")
    assert ratios["effect"].tolist() == pytest.approx([0.33 / 0.37, 0.033 / 0.37])
    assert ratios["verdict"].tolist() == ["supported", "contradicted"]
    where = "toy, 270°, importance weights only, w by λ(w)"
    assert only(rows, "8f", where=where)["effect"] == pytest.approx(0.033 / 0.37)


def test_a_run_that_has_lost_the_label_is_dropped(toy_runs, only) -> None:
    kinds = ("importance_weighting", "learning_rate", "direction", "norm")
    runs = [
        toy_runs([0.2, 0.3, 0.0], rho=0.5, intervention=kind, train_error=[0.0, 0.02, 0.03])
        for kind in kinds
    ]
    runs.append(toy_runs(SGD, rho=0.5, intervention="importance_weighting", last_follows="sgd"))
    rows = effects(pd.concat(runs), toy_runs(SGD))
    row = only(rows, "8e", where="toy, 270°, learning rates only")
    assert (row["effect"], row["runs"], row["dropped"]) == (pytest.approx(-0.1), 2, 1)
