"""Claims 1 and 2: SAM's probing errors on the datasets of Table 1 (Section 4.2)."""

from collections.abc import Mapping, Sequence

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection
from feature_quality.reporting.claims.selected import Selected, missing_methods
from feature_quality.reporting.claims.verdict import (
    NOT_THERE,
    REAL,
    Check,
    CheckContext,
    Row,
    evaluate,
    unknown,
)
from feature_quality.reporting.table1 import easy_and_hard, finished

# The paper's datasets; one that is not among the results leaves its checks open.
TABLE_1 = {
    "cifar_mnist": "CIFAR-MNIST",
    "fmnist_mnist": "FMNIST-MNIST",
    "celeba": "CelebA",
    "waterbirds": "Waterbirds",
}

HARD = Check(
    "1",
    "The hard feature's probing error is lower under SAM than under SGD.",
    "hard feature's probing error, SAM − SGD",
    "below",
)
EASY = Check(
    "2",
    "The easy feature's probing error is lower under SAM than under SGD.",
    "easy feature's probing error, SAM − SGD",
    "below",
)


def probing(
    runs: pd.DataFrame,
    descriptions: Sequence[Description],
    selections: Mapping[str, Selection],
) -> list[Row]:
    """Check claims 1 and 2 on every dataset of two features, and on those that are not there.

    The selected setting of SAM is compared with that of SGD, over the seeds of which both runs
    finished. Which feature is easy is decided as in Table 1, by SGD's mean errors.
    """
    rows = []
    for description in descriptions:
        selection = selections[description.dataset]
        if reason := missing_methods(selection):
            place = CheckContext.of(description)
            rows += [unknown(check, place, reason) for check in (HARD, EASY)]
            continue
        chosen = Selected.of(runs, selection)
        place = CheckContext.of(description, chosen.rho)
        easy, hard = easy_and_hard(finished(chosen.sgd), description.features)
        for check, feature in ((HARD, hard), (EASY, easy)):
            difference = chosen.difference(f"{feature}_probe_error")
            rows.append(evaluate(check, place, difference, f"{feature}; {chosen.settings}"))
    return rows + missing([each.dataset for each in descriptions], [HARD, EASY])


def missing(datasets: Sequence[str], checks: Sequence[Check]) -> list[Row]:
    """Return open rows for the datasets of Table 1 that are not among ``datasets``."""
    return [
        unknown(check, CheckContext(REAL, title), NOT_THERE)
        for dataset, title in TABLE_1.items()
        if dataset not in datasets
        for check in checks
    ]
