"""Claim 11: the accuracy of a probe on a domain that was left out of training (Appendix F)."""

from collections.abc import Sequence

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.methods import BASELINE
from feature_quality.reporting.claims.selected import Selected, Selections, compare
from feature_quality.reporting.claims.verdict import (
    NOT_THERE,
    REAL,
    Check,
    CheckContext,
    Row,
    unknown,
)
from feature_quality.reporting.tables.table2 import PAPER

TRANSFER = Check(
    "11",
    "The probe's accuracy on the target domain is higher than under SGD.",
    "accuracy on the target domain, less SGD's",
    "above",
)


def transfer(
    runs: pd.DataFrame, descriptions: Sequence[Description], selections: Selections
) -> list[Row]:
    """Check claim 11 on every target domain, and on the paper's that are not there."""
    return compare(runs, descriptions, selections, [TRANSFER], _gain) + [
        unknown(TRANSFER, CheckContext(REAL, f"{title}, target {target}"), NOT_THERE)
        for title, published in PAPER.items()
        for target in published[BASELINE.name]
        # Another copy than the published one has a longer title.
        if not any(each.title.startswith(title) and each.target == target for each in descriptions)
    ]


def _gain(chosen: Selected) -> list[tuple[Check, pd.Series, str]]:
    # The difference of accuracies is that of errors, the other way round.
    lost = chosen.difference(f"{chosen.description.features[0]}_probe_error")
    return [(TRANSFER, -lost, "")]
