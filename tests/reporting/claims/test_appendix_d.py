import pandas as pd
import pytest

from feature_quality.reporting.claims.appendix_d import check as appendix_d


def test_slopes_of_the_toys_networks_by_hand(only) -> None:
    # Margins fall by 0.9, 1.0 and 1.1 of ρ‖∇m‖ = 1 and 2.
    rows = [
        {
            "network": "toy",
            "seed": seed,
            "trained_rho": trained_rho,
            "perturbed": "all",
            "rho": 0.5,
            "margin": 0.0,
            "phantom_margin": -share * norm / 2,
            "gradient_norm": norm,
        }
        for trained_rho, shares in ((0.0, (0.98, 1.0, 1.02)), (0.5, (0.5, 0.6, 0.7)))
        for seed, share in enumerate(shares)
        for norm in (2.0, 4.0)
    ]
    others = pd.DataFrame(rows).assign(phantom_margin=9.0)
    table = pd.concat(
        [pd.DataFrame(rows), others.assign(network="cnn"), others.assign(perturbed="last layer")]
    )
    found = appendix_d(table)
    where = "toy, exponential loss, trained by {}".format
    row = only(found, "5d", where=where("SGD"))
    assert (row["effect"], row["verdict"], row["runs"]) == (pytest.approx(0), "supported", 3)
    assert row["rho"] == 0.5
    row = only(found, "5d", where=where("LSAM"))
    assert (row["effect"], row["verdict"]) == (pytest.approx(-0.4), "contradicted")
