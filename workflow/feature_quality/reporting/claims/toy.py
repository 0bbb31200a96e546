"""The claims about the toy: which module checks which of its studies."""

from collections.abc import Mapping
from functools import partial

import pandas as pd

from feature_quality.reporting.claims import (
    appendix_d,
    batch_size,
    complexity,
    effects,
    interventions,
    noise,
)
from feature_quality.reporting.claims.verdict import Row, not_run

STUDIES = {
    complexity: ("complexity",),
    interventions: ("interventions", "complexity"),
    effects: ("effects", "complexity"),
    noise: ("noise",),
    batch_size: ("batch_size",),
    appendix_d: ("appendix_d",),
}


def toy(studies: Mapping[str, pd.DataFrame], batch: int) -> list[Row]:
    """Check the claims on the runs of the studies; without its study, a check is not run.

    Args:
        studies: the runs of each study.
        batch: the batch size of all studies but that of batch sizes.
    """
    checks = {module: module.check for module in STUDIES}
    checks[batch_size] = partial(batch_size.check, usual=batch)
    rows: list[Row] = []
    for module, names in STUDIES.items():
        present = studies.keys() >= set(names)
        tables = [studies[name] for name in names if present]
        rows += checks[module](*tables) if present else not_run(module.CHECKS)
    return rows
