"""Made-up runs of the toy, given by their measures, and rows found by what they are about."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.claims.verdict import Row, tabulate
from feature_quality.toy.runs import Run

RUN = asdict(Run(seed=0, complexity=270.0, batch_size=5, steps=18_000))
del RUN["seed"]
MEASURES = [name for name in TOY_RUNS.names if name not in RUN and name != "seed"]
USUAL = dict.fromkeys(MEASURES, 0.5) | {"train_error": 0.0, "phantom_easy_nonpositive": 0.0}
USUAL["diverged_step"] = None


@pytest.fixture(scope="session")
def toy_runs() -> Callable[..., pd.DataFrame]:
    """Make the runs of one setting, one per seed, from columns; None for a run that diverged."""

    def make(hard_error: Sequence[float | None], **columns: Any) -> pd.DataFrame:
        given = RUN | USUAL | columns | {"hard_error": hard_error}
        rows = []
        for seed, error in enumerate(hard_error):
            row = {
                name: value[seed] if isinstance(value, list) else value
                for name, value in given.items()
            }
            if error is None:
                row |= dict.fromkeys(MEASURES) | {"diverged_step": 1}
            rows.append(row | {"seed": seed})
        # In an order that says nothing.
        return pa.Table.from_pylist([*rows[1:], *rows[:1]], TOY_RUNS).to_pandas()

    return make


@pytest.fixture(scope="session")
def found() -> Callable[..., pd.DataFrame]:
    """Return the rows of some checks, of which columns have some values."""

    def find(rows: Sequence[Row], *checks: str, **values: Any) -> pd.DataFrame:
        table = tabulate(rows)
        chosen = table[table["check"].isin(checks)] if checks else table
        for column, value in values.items():
            chosen = chosen[chosen[column] == value]
        return chosen

    return find


@pytest.fixture(scope="session")
def only(found: Callable[..., pd.DataFrame]) -> Callable[..., pd.Series]:
    """Return the one row of a check, of which columns have some values."""

    def find(rows: Sequence[Row], check: str, **values: Any) -> pd.Series:
        chosen = found(rows, check, **values)
        assert len(chosen) == 1, chosen
        return chosen.iloc[0]

    return find
