"""Claim 11: the accuracy of a probe on a domain that was left out of training (Appendix F)."""

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
from feature_quality.reporting.selection import SGD
from feature_quality.reporting.table2 import PAPER

TRANSFER = Check(
    "11",
    "The probe's accuracy on the target domain is higher under SAM than under SGD.",
    "accuracy on the target domain, SAM − SGD",
    "above",
)


def transfer(
    runs: pd.DataFrame,
    descriptions: Sequence[Description],
    selections: Mapping[str, Selection],
) -> list[Row]:
    """Check claim 11 on every target domain, and on the paper's that are not there.

    The selected setting of SAM is compared with that of SGD, over the seeds of which both runs
    finished.
    """
    rows = []
    for description in descriptions:
        selection = selections[description.dataset]
        if reason := missing_methods(selection):
            rows.append(unknown(TRANSFER, CheckContext.of(description), reason))
            continue
        chosen = Selected.of(runs, selection)
        # The difference of accuracies is that of errors, the other way round.
        gained = -chosen.difference(f"{description.features[0]}_probe_error")
        rows.append(
            evaluate(TRANSFER, CheckContext.of(description, chosen.rho), gained, chosen.settings)
        )
    return rows + [
        unknown(TRANSFER, CheckContext(REAL, f"{title}, target {target}"), NOT_THERE)
        for title, published in PAPER.items()
        for target in published[SGD]
        # Another copy than the published one has a longer title.
        if not any(each.title.startswith(title) and each.target == target for each in descriptions)
    ]
