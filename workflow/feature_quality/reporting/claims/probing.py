"""Claims 1, 2 and 11: probes at the selected settings, less SGD's (Section 4.2, Appendix F)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection, methods_of
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS, PAPER_METHOD
from feature_quality.reporting.claims.verdict import NOT_THERE, REAL, Check, CheckContext, Row
from feature_quality.reporting.metrics import (
    easy_and_hard,
    finished,
    selected_settings,
    setting_runs,
)
from feature_quality.reporting.tables.table2 import PAPER

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
TRANSFER = Check(
    "11",
    "The probe's accuracy on the target domain is higher than under SGD.",
    "accuracy on the target domain, less SGD's",
    "above",
)

Selections = Mapping[str, Selection]


@dataclass(frozen=True)
class Pair:
    """The rows of ``runs.parquet`` of the settings chosen for SGD and for a method on a dataset."""

    description: Description
    sgd: pd.DataFrame
    other: pd.DataFrame

    def difference(self, feature: str) -> pd.Series:
        """Return a probing error less SGD's by seed; NaN where a run diverged or has none."""
        ours, sgds = (_by_seed(rows, f"{feature}_probe_error") for rows in (self.other, self.sgd))
        return ours - sgds


def probing(
    runs: pd.DataFrame, descriptions: Sequence[Description], selections: Selections
) -> list[Row]:
    """Check claims 1 and 2 on every dataset of two features, and on those that are not there.

    Which feature is easy is decided as in Table 1, by SGD's mean errors.
    """

    def measure(pair: Pair) -> list[tuple[Check, pd.Series, str]]:
        easy, hard = easy_and_hard(finished(pair.sgd), pair.description.features)
        return [
            (check, pair.difference(feature), f"{feature}; ")
            for check, feature in ((HARD, hard), (EASY, easy))
        ]

    rows = _compare(runs, descriptions, selections, [HARD, EASY], measure)
    return rows + missing([each.dataset for each in descriptions], [HARD, EASY])


def transfer(
    runs: pd.DataFrame, descriptions: Sequence[Description], selections: Selections
) -> list[Row]:
    """Check claim 11 on every target domain, and on the paper's that are not there."""

    def measure(pair: Pair) -> list[tuple[Check, pd.Series, str]]:
        # The difference of accuracies is that of errors, the other way round.
        return [(TRANSFER, -pair.difference(pair.description.features[0]), "")]

    return _compare(runs, descriptions, selections, [TRANSFER], measure) + [
        TRANSFER.unknown(CheckContext(REAL, f"{title}, target {target}"), NOT_THERE)
        for title, published in PAPER.items()
        for target in published[BASELINE.name]
        # Another copy than the published one has a longer title.
        if not any(each.title.startswith(title) and each.target == target for each in descriptions)
    ]


def missing(datasets: Sequence[str], checks: Sequence[Check]) -> list[Row]:
    """Return open rows for the datasets of Table 1 that are not among ``datasets``."""
    return [
        check.unknown(CheckContext(REAL, title), NOT_THERE)
        for dataset, title in TABLE_1.items()
        if dataset not in datasets
        for check in checks
    ]


def without_runs(
    descriptions: Sequence[Description], selections: Selections, checks: Sequence[Check]
) -> list[Row]:
    """Return open rows for the methods of which, or of SGD, no run on a dataset has finished."""
    rows = []
    for description in descriptions:
        selection = selections[description.dataset]
        for name in dict.fromkeys([PAPER_METHOD.name, *methods_of(selection)]):
            pair = (BASELINE.name, name)
            absent = [METHODS[each].label for each in pair if each not in selection["choices"]]
            if absent and name != BASELINE.name:
                reason = f"no run of {' or '.join(absent)} has finished"
                context = CheckContext.of(description, method=name)
                rows += [check.unknown(context, reason) for check in checks]
    return rows


def _compare(
    runs: pd.DataFrame,
    descriptions: Sequence[Description],
    selections: Selections,
    checks: Sequence[Check],
    measure: Callable[[Pair], list[tuple[Check, pd.Series, str]]],
) -> list[Row]:
    """Return the rows of ``checks`` for SAM, and for other methods beside it, on every dataset.

    Runs are compared over the seeds of which both finished.

    Args:
        measure: returns the numbers by seed of each check, and how its note begins.
    """
    rows = without_runs(descriptions, selections, checks)
    for description in descriptions:
        settings = selected_settings(selections[description.dataset])
        sgd = settings.pop(BASELINE.name, None)
        if sgd is None:
            continue
        for name, setting in settings.items():
            both = (sgd, setting)
            chosen = [setting_runs(runs, description.dataset, each) for each in both]
            rates = ", ".join(f"{each.label} at lr {format_number(each.lr)}" for each in both)
            context = CheckContext.of(description, setting.rho, name)
            for check, values, note in measure(Pair(description, *chosen)):
                rows.append(check.evaluate(context, values, note + rates))
    return rows


def _by_seed(rows: pd.DataFrame, metric: str) -> pd.Series:
    kept = finished(rows)
    values = kept[kept["metric"] == metric].set_index("seed")["value"]
    return values.reindex(sorted(rows["seed"].unique()))
