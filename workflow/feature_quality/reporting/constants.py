"""Which of the toy's claims hold whatever its lost constants were (ours)."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.claims import complexity, effects
from feature_quality.reporting.claims.verdict import (
    ABSENT,
    CONTRADICTED,
    OPEN,
    SUPPORTED,
    tabulate,
)
from feature_quality.reporting.toy_runs import LABEL_LOST, SGD_RHO

# SGD fails on the spiral where its error is at least this, while it has the label.
FAILS = 0.1
VERDICTS = (SUPPORTED, CONTRADICTED, OPEN, ABSENT)
COLUMNS = ("check", "rho", "settings", *VERDICTS, "share")
# Of claims 3, 4, 7 and 8.
CHECKS = ("3b", "4a", "4b", "7a", "7b", "7d", "7e", "8e", "8f")


def verdicts(files: Iterable[str]) -> pd.DataFrame:
    """Return the verdict of every check at every setting of the constants and ρ.

    Args:
        files: one of each setting, named after it: SGD's runs, LSAM's, and those of LSAM's
            importance weights and learning rates alone.

    Returns:
        one row per setting, check and ρ: ``setting``, its name; ``exists``, whether SGD fails on
        the spiral and has the label there; ``check``, with the effect where one is put in alone;
        ``rho``; ``verdict``; and ``effect``.
    """
    tables = []
    for file in files:
        part, _ = read_table(file, TOY_RUNS)
        name = Path(file).stem.replace("=", " ").replace(",", ", ")
        whole = part[part["intervention"].isna()]
        one_effect = part[part["intervention"].notna()]
        sgd = whole[whole["rho"] == SGD_RHO]
        fails = sgd["hard_error"].mean() >= FAILS and sgd["train_error"].mean() <= LABEL_LOST
        table = tabulate([*complexity.check(whole), *effects.check(one_effect, whole)])
        table = table[table["check"].isin(CHECKS) & (table["rho"] > SGD_RHO)]
        alone = table["where"].str.extract("(weights|rates) only", expand=False).fillna("")
        check = (table["check"] + " " + alone.where(table["check"] == "8e", "")).str.strip()
        table = table.assign(setting=name, exists=fails, check=check)
        tables.append(table[["setting", "exists", "check", "rho", "verdict", "effect"]])
    return pd.concat(tables, ignore_index=True)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per check and ρ: in how many settings with the phenomenon it holds.

    ``share`` is that of the settings in which it was run, NaN if there is none.

    Args:
        table: what ``verdicts`` returns.
    """
    existing = table[table["exists"]]
    counts = pd.crosstab([existing["check"], existing["rho"]], existing["verdict"])
    counts = counts.reindex(columns=list(VERDICTS), fill_value=0)
    settings = counts.sum(axis=1)
    share = counts[SUPPORTED] / (settings - counts[ABSENT])
    return counts.assign(settings=settings, share=share).reset_index()[[*COLUMNS]]
