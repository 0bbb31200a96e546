"""What the checks on toy runs share: measures by seed, and the runs of one setting."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.reporting.claims.verdict import NOT_RUN, TOY, Check, CheckContext, Row, unknown


def setting(runs: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the runs whose columns have these values, by seed.

    A run that diverged is there, with NaN for every measure.
    """
    chosen = runs
    for column, value in values.items():
        chosen = chosen[chosen[column] == value]
    return chosen.set_index("seed").sort_index()


def radii(runs: pd.DataFrame) -> list[float]:
    """Return LSAM's radii, from small to large."""
    return sorted(runs.loc[runs["rho"] > 0, "rho"].unique())


def degrees(complexity: float) -> str:
    """Name the toy at one rotation of the spiral."""
    return f"toy, {format_number(complexity)}°"


def not_run(checks: Sequence[Check]) -> list[Row]:
    """Return open rows for a study that was not run."""
    return [unknown(check, CheckContext(TOY, "toy"), NOT_RUN) for check in checks]
