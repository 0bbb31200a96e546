"""Checks that compare the selected setting of a method with that of SGD on each dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection, methods_of
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS, PAPER_METHOD
from feature_quality.reporting.claims.verdict import Check, CheckContext, Row, evaluate, unknown
from feature_quality.reporting.metrics import finished, selected_settings, setting_runs

Selections = Mapping[str, Selection]


@dataclass(frozen=True)
class Selected:
    """The rows of ``runs.parquet`` of the settings chosen for SGD and for a method on a dataset.

    Attributes:
        description: of the dataset.
        sgd, other: the rows of each.
    """

    description: Description
    sgd: pd.DataFrame
    other: pd.DataFrame

    def difference(self, metric: str) -> pd.Series:
        """Return a metric less SGD's by seed; NaN where a run diverged or was not measured."""
        return _by_seed(self.other, metric) - _by_seed(self.sgd, metric)


# What is to be evaluated of a comparison: each check's numbers by seed, and a note.
Measure = Callable[[Selected], Sequence[tuple[Check, pd.Series, str]]]


def compare(
    runs: pd.DataFrame,
    descriptions: Sequence[Description],
    selections: Selections,
    checks: Sequence[Check],
    measure: Measure,
) -> list[Row]:
    """Return the rows of ``checks`` for SAM, and for other methods beside it, on every dataset.

    Runs are compared over the seeds of which both finished.
    """
    rows = without_runs(descriptions, selections, checks)
    for description in descriptions:
        settings = selected_settings(selections[description.dataset])
        sgd = settings.pop(BASELINE.name, None)
        if sgd is None:
            continue
        for name, setting in settings.items():
            pair = (sgd, setting)
            chosen = [setting_runs(runs, description.dataset, each) for each in pair]
            rates = [f"{each.label} at lr {format_number(each.lr)}" for each in pair]
            context = CheckContext.of(description, setting.rho, name)
            for check, values, note in measure(Selected(description, *chosen)):
                said = "; ".join(filter(None, [note, ", ".join(rates)]))
                rows.append(evaluate(check, context, values, said))
    return rows


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
                rows += [unknown(check, context, reason) for check in checks]
    return rows


def _by_seed(rows: pd.DataFrame, metric: str) -> pd.Series:
    kept = finished(rows)
    values = kept[kept["metric"] == metric].set_index("seed")["value"]
    return values.reindex(sorted(rows["seed"].unique()))
