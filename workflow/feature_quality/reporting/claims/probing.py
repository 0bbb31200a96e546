"""Claims 1 and 2: probing errors on the datasets of Table 1, less SGD's (Section 4.2)."""

from collections.abc import Sequence

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.reporting.claims.selected import Selected, Selections, compare
from feature_quality.reporting.claims.verdict import (
    NOT_THERE,
    REAL,
    Check,
    CheckContext,
    Row,
    unknown,
)
from feature_quality.reporting.metrics import easy_and_hard, finished

# The paper's datasets; one that is not among the results leaves its checks open.
TABLE_1 = {
    "cifar_mnist": "CIFAR-MNIST",
    "fmnist_mnist": "FMNIST-MNIST",
    "celeba": "CelebA",
    "waterbirds": "Waterbirds",
}

HARD = Check(
    "1",
    "The hard feature's probing error is lower than under SGD.",
    "hard feature's probing error, less SGD's",
    "below",
)
EASY = Check(
    "2",
    "The easy feature's probing error is lower than under SGD.",
    "easy feature's probing error, less SGD's",
    "below",
)


def probing(
    runs: pd.DataFrame, descriptions: Sequence[Description], selections: Selections
) -> list[Row]:
    """Check claims 1 and 2 on every dataset of two features, and on those that are not there.

    Which feature is easy is decided as in Table 1, by SGD's mean errors.
    """
    rows = compare(runs, descriptions, selections, [HARD, EASY], _differences)
    return rows + missing([each.dataset for each in descriptions], [HARD, EASY])


def missing(datasets: Sequence[str], checks: Sequence[Check]) -> list[Row]:
    """Return open rows for the datasets of Table 1 that are not among ``datasets``."""
    return [
        unknown(check, CheckContext(REAL, title), NOT_THERE)
        for dataset, title in TABLE_1.items()
        if dataset not in datasets
        for check in checks
    ]


def _differences(chosen: Selected) -> list[tuple[Check, pd.Series, str]]:
    easy, hard = easy_and_hard(finished(chosen.sgd), chosen.description.features)
    return [
        (check, chosen.difference(f"{feature}_probe_error"), feature)
        for check, feature in ((HARD, hard), (EASY, easy))
    ]
