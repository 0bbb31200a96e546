"""Claims 1, 2 and 11: the errors of probes, less SGD's (Section 4.2, Appendix F).

Each claim has two readings: at the settings that validation data chose, and over the whole sweep.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection, methods_of
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS, PAPER_METHOD
from feature_quality.reporting.claims.verdict import (
    NOT_THERE,
    NOT_TOLD,
    REAL,
    Check,
    CheckContext,
    Row,
    left_open,
)
from feature_quality.reporting.metrics import (
    RUN,
    by_run,
    easy_and_hard,
    finished,
    selected_settings,
    setting_runs,
    sweep_differences,
    told_apart,
)
from feature_quality.reporting.statistics import slopes
from feature_quality.reporting.tables.table2 import PAPER

# The paper's datasets; the checks of one that is not among the results are not run.
TABLE_1 = {
    "cifar_mnist": "CIFAR-MNIST",
    "fmnist_mnist": "FMNIST-MNIST",
    "celeba": "CelebA",
    "waterbirds": "Waterbirds",
}

NOT_PROBED = "only the selected runs were probed"


class Readings(NamedTuple):
    """The checks of a claim: at the selected settings, at each ρ of the sweep, and their slope."""

    selected: Check
    sweep: Check
    slope: Check


class Measured(NamedTuple):
    """What a claim is about on a dataset.

    Attributes:
        readings: its checks.
        feature: whose errors are compared.
        note: how their notes begin.
        doubt: why none of them has a verdict; empty where they have.
    """

    readings: Readings
    feature: str
    note: str = ""
    doubt: str = ""


def _readings(claim: int, what: str, measured: str, side: Literal["below", "above"]) -> Readings:
    better, falls = ("lower", "falls") if side == "below" else ("higher", "rises")
    sweep = f"{measured}, mean over learning rates"
    return Readings(
        Check(f"{claim}a", f"{what} is {better} than under SGD.", measured, side),
        Check(f"{claim}b", f"{what} is {better} than under SGD over the sweep.", sweep, side),
        Check(f"{claim}c", f"{what} {falls} with ρ over the sweep.", f"slope in ρ: {sweep}", side),
    )


HARD, EASY = (
    _readings(
        claim,
        f"The {feature} feature's probing error",
        f"{feature} feature's probing error, less SGD's",
        "below",
    )
    for claim, feature in ((1, "hard"), (2, "easy"))
)
TRANSFER = _readings(
    11,
    "The probe's accuracy on the target domain",
    "accuracy on the target domain, less SGD's",
    "above",
)
GENDER = Check(
    "1d",
    "CelebA's hard feature is gender, as reviewers of the paper expected.",
    "probing error of gender under SGD, less that of hair",
    "above",
)
CHECKS = (*HARD, GENDER, *EASY, *TRANSFER)

Selections = Mapping[str, Selection]


def probing(
    runs: pd.DataFrame,
    descriptions: Sequence[Description],
    selections: Selections,
    bootstrap: pd.DataFrame,
) -> list[Row]:
    """Check claims 1 and 2 on every dataset of two features, and on those that are not there.

    Which feature is easy is decided as in Table 1, by SGD's mean errors. Where these do not tell,
    both claims are open.
    """

    def measure(description: Description, sgd: pd.DataFrame) -> list[Measured]:
        sgd = finished(sgd)
        easy, hard = easy_and_hard(sgd, description.features)
        doubt = "" if told_apart(sgd, easy, hard) else NOT_TOLD
        return [
            Measured(readings, feature, f"{feature}; ", doubt)
            for readings, feature in ((HARD, hard), (EASY, easy))
        ]

    checks = [*HARD, *EASY]
    rows = _compare(runs, descriptions, selections, bootstrap, checks, measure)
    rows.append(_gender(runs, descriptions, selections))
    return rows + missing([each.dataset for each in descriptions], checks)


def transfer(
    runs: pd.DataFrame,
    descriptions: Sequence[Description],
    selections: Selections,
    bootstrap: pd.DataFrame,
) -> list[Row]:
    """Check claim 11 on every target domain, and on the paper's that are not there."""

    def measure(description: Description, _: pd.DataFrame) -> list[Measured]:
        return [Measured(TRANSFER, description.features[0])]

    return _compare(runs, descriptions, selections, bootstrap, TRANSFER, measure) + [
        check.unknown(CheckContext(REAL, f"{title}, target {target}"), NOT_THERE)
        for title, published in PAPER.items()
        for target in published[BASELINE.name]
        # Another copy than the published one has a longer title.
        if not any(
            each.title.startswith(title) and each.target == target and not each.custom
            for each in descriptions
        )
        for check in TRANSFER
    ]


def _gender(runs: pd.DataFrame, descriptions: Sequence[Description], selections: Selections) -> Row:
    """Return the row of the expected assignment of CelebA's features."""
    context = CheckContext(REAL, TABLE_1["celeba"])
    for description in descriptions:
        if description.dataset == "celeba":
            sgd = selected_settings(selections["celeba"]).get(BASELINE.name)
            if not sgd:
                return GENDER.unknown(context, f"no run of {BASELINE.label} has finished")
            hair, gender = (
                by_run(runs, "celeba", f"{feature}_probe_error")[0].loc[BASELINE.name, sgd.lr, 0.0]
                for feature in description.features
            )
            return GENDER.evaluate(context, gender - hair, f"SGD at lr {format_number(sgd.lr)}")
    return GENDER.unknown(context, NOT_THERE)


def missing(datasets: Sequence[str], checks: Sequence[Check]) -> list[Row]:
    """Return rows, not run, for the datasets of Table 1 that are not among ``datasets``."""
    return [
        check.unknown(CheckContext(REAL, title), NOT_THERE)
        for dataset, title in TABLE_1.items()
        if dataset not in datasets
        for check in checks
    ]


def without_runs(
    descriptions: Sequence[Description], selections: Selections, checks: Sequence[Check]
) -> list[Row]:
    """Return rows, not run, for methods of which, or of SGD, no run on a dataset has finished."""
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
    bootstrap: pd.DataFrame,
    checks: Sequence[Check],
    measure: Callable[[Description, pd.DataFrame], list[Measured]],
) -> list[Row]:
    """Return the rows of ``checks`` for SAM, and for other methods beside it, on every dataset.

    Runs are compared over the seeds of which both finished.

    Args:
        bootstrap: the rows of ``bootstrap.parquet``.
        measure: returns what each claim is about, from SGD's runs at its selected setting.
    """
    rows = without_runs(descriptions, selections, checks)
    for description in descriptions:
        settings = selected_settings(selections[description.dataset])
        sgd = settings.pop(BASELINE.name, None)
        if sgd is None:
            continue
        of_sgd = setting_runs(runs, description.dataset, sgd)
        for readings, feature, note, doubt in measure(description, of_sgd):
            found = []
            errors, complete = by_run(runs, description.dataset, f"{feature}_probe_error")
            samples = _samples(bootstrap, description.dataset, feature)
            values: Any = errors.to_frame().join(samples)
            if readings.selected.side == "above":
                # Accuracies, but for a constant that a difference does not have.
                values = -values
            for name, setting in settings.items():
                context = CheckContext.of(description, setting.rho, name)
                rates = [f"{each.label} at lr {format_number(each.lr)}" for each in (sgd, setting)]
                ours, sgds = (
                    values.loc[each.method.name, each.lr, each.rho] for each in (setting, sgd)
                )
                said = note + ", ".join(rates)
                found.append(_evaluate(readings.selected, context, ours - sgds, said))
                if complete:
                    found += _over_sweep(readings, context, note, values)
                else:
                    context = replace(context, rho=None)
                    found += [
                        check.unknown(context, NOT_PROBED)
                        for check in (readings.sweep, readings.slope)
                    ]
            rows += [left_open(row, doubt) for row in found] if doubt else found
    return rows


def _evaluate(check: Check, context: CheckContext, values: pd.DataFrame, note: str) -> Row:
    """Return a check's row from the column ``value`` and the samples beside it, by seed."""
    return check.evaluate(context, values["value"], note, values.drop(columns="value"))


def _over_sweep(
    readings: Readings, context: CheckContext, note: str, values: pd.DataFrame
) -> list[Row]:
    """Return the rows of a method over the sweep: at each ρ, and of the slope in ρ.

    The number of a seed is the mean over learning rates: at a ρ, of the method's value less SGD's;
    and of the slope of these differences in ρ, so that the same learning rates are compared at
    each ρ. Where a run diverged, the seed lacks that learning rate.
    """
    pairs = sweep_differences(values, context.method)
    over_all = replace(context, rho=None)
    if pairs.empty:
        reason = f"no learning rate in common with {BASELINE.label}"
        return [check.unknown(over_all, reason) for check in (readings.sweep, readings.slope)]

    def evaluate(check: Check, context: CheckContext, by_rate: Any, what: str) -> Row:
        lost = by_rate["value"].isna()
        left_out = f"; {lost.sum()} of {len(lost)} {what} left out: a run diverged"
        said = f"{note}learning rates: {len(by_rate.index.unique('lr'))}"
        means = by_rate.groupby("seed").mean()
        return _evaluate(check, context, means, said + (left_out if lost.any() else ""))

    radii = pairs.index.unique("rho")
    rows = [
        evaluate(readings.sweep, replace(context, rho=rho), pairs.xs(rho, level="rho"), "pairs")
        for rho in radii
    ]
    if len(radii) == 1:
        return [*rows, readings.slope.unknown(over_all, "the sweep has one ρ")]
    return [*rows, evaluate(readings.slope, over_all, slopes(pairs), "slopes")]


def _samples(bootstrap: pd.DataFrame, dataset: str, feature: str) -> pd.DataFrame:
    """Return a feature's errors on bootstrap samples, one row per run."""
    rows = bootstrap[(bootstrap["dataset"] == dataset) & (bootstrap["feature"] == feature)]
    index = pd.MultiIndex.from_frame(rows[RUN])
    return pd.DataFrame(rows["errors"].tolist(), index=index)
