"""The claims for readers, in Markdown, rendered from the table of checks."""

from collections.abc import Sequence

import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.methods import METHODS
from feature_quality.reporting.claims.verdict import (
    ABSENT,
    CONTRADICTED,
    CUSTOM,
    DEMONSTRATION,
    OPEN,
    REAL,
    SUPPORTED,
    TOY,
    papers,
)
from feature_quality.reporting.tables.rendering import pipe_table

CAPTION = (
    "What the paper claims, as checks over these results: supported where the 95 % interval"
    " over seeds lies wholly on the claimed side, contradicted where it lies wholly on the "
    "other, else open. Verdicts are counted after Holm's correction for the number of checks."
)
# Each claim in one line; its checks say precisely what is measured.
CLAIMS = {
    1: "SAM learns the hard feature better than SGD, on each dataset of Table 1",
    2: "SAM learns the easy feature better too",
    3: "On the toy both fit the labels, and LSAM learns the spiral better",
    4: "w̃_h/w̃_e grows with ρ, and w_h/w_e hardly changes",
    5: "SAM weights the examples more uniformly",
    6: "SAM weights up what the hard feature fits poorly, and down what the easy one fits poorly",
    7: "LSAM raises the hard feature's learning rate and lowers the easy one's",
    8: "Each of the two effects helps alone, about as much, and both together explain LSAM",
    9: "LSAM helps under every kind of noise",
    10: "LSAM's gain fades at very large batches, and its best ρ is similar at all sizes",
    11: "SAM's features transfer better to every domain of Table 2",
}

RULE = (
    "A check is *supported* if the 95 % t-interval of its effect over seeds lies wholly on the "
    "claimed side of 0, *contradicted* if it lies wholly on the other side, and *open* otherwise. "
    "Where the claim is that something matches or hardly changes, the 90 % interval has to lie "
    "within a margin of ±0.02 (errors) or ±10 % (ratios), or wholly outside it; 8d, 8f and 10b "
    "have intervals of their own, of a ratio and of a bootstrap over seeds. Runs are paired by "
    "seed; a seed that lacks a run, as when it diverged, or the number that is compared is dropped "
    "and counted.",
    "Effects of claims 1, 2 and 11 have a second interval, over test examples: that of a bootstrap "
    "which draws them within each group (those of claim 11 have no groups). It decides nothing.",
    "Beside each verdict stands the p-value that Holm's method adjusts for the number of checks of "
    "the claim; the counts are of verdicts that hold at an adjusted 5 %. A check for which there "
    "is nothing to compare is *not run*, and never counted as open.",
)
OTHER_METHODS = (
    "Checks of {} stand beside the paper's below; the paper claims nothing of them on images, and "
    "they are not counted here."
)
WARNING = "DEMONSTRATION data: a verdict on them says nothing of the paper. They are counted apart."


def overall(table: pd.DataFrame) -> pd.DataFrame:
    """Return one line per claim and kind of data, as text: how many checks are supported, and more.

    Checks of methods of which the paper claims nothing are not counted. The effect is that of the
    claim's first check: with its interval where it was made once, else from the least to the most.
    Data on which nothing was run come last.
    """
    counted = table[papers(table)]
    lines = []
    for claim, title in CLAIMS.items():
        name, of_claim = f"{claim}. {title}", counted[counted["claim"] == claim]
        kinds = (REAL, TOY, CUSTOM, DEMONSTRATION)
        parts = {data: of_claim[of_claim["data"] == data] for data in kinds}
        for data in sorted(parts, key=lambda data: parts[data]["runs"].sum() == 0):
            checks = parts[data]
            if checks.empty:
                continue
            made = checks[checks["verdict"] != ABSENT]
            places = [where.partition(", trained by ")[0] for where in made["where"]]
            if data == TOY or not places:
                places = [data]
            lines.append(
                {
                    "Claim": name,
                    "Verdicts": _counts(made),
                    "Effect": _first_effect(made),
                    "Where": "; ".join(dict.fromkeys(places)),
                    "Not run": str((checks["verdict"] == ABSENT).sum() or ""),
                }
            )
            name = ""
    return pd.DataFrame(lines)


def _counts(made: pd.DataFrame) -> str:
    """Say how many of the checks that could be made are supported, contradicted and open."""
    if made.empty:
        return "not run"
    counts = made["adjusted_verdict"].value_counts()
    rest = [f"{verdict} {counts[verdict]}" for verdict in (CONTRADICTED, OPEN) if verdict in counts]
    return ", ".join([f"supported {counts.get(SUPPORTED, 0)} of {len(made)}", *rest])


def _first_effect(made: pd.DataFrame) -> str:
    first = made[made["check"] == made["check"].min()]
    if first.empty:
        return ""
    name = first["check"].iloc[0]
    if len(first) == 1:
        return f"{name}: {_effect(first.iloc[0])}"
    return f"{name}: {_signed(first['effect'].min())} to {_signed(first['effect'].max())}"


def summary(table: pd.DataFrame) -> str:
    """Say in one sentence what the checks of the paper's claims came to."""
    about = table[papers(table) & table["data"].isin([REAL, TOY]) & (table["verdict"] != ABSENT)]
    counts = [
        (about["adjusted_verdict"] == verdict).sum() for verdict in (SUPPORTED, CONTRADICTED, OPEN)
    ]
    supported, contradicted, undecided = counts
    return (
        f"Of the {len(about)} checks of the paper's claims that these results allow, on real data "
        f"and on the toy, {supported} are supported, {contradicted} contradicted and {undecided} "
        "open."
    )


def to_markdown(table: pd.DataFrame, run_notes: Sequence[str]) -> str:
    """Return the page: a sentence, one line per claim, the rule, and every check.

    Args:
        table: the columns of ``COLUMNS``.
        run_notes: sentences that say what the runs were.
    """
    parts = ["# The paper's claims, checked", summary(table), pipe_table(overall(table))]
    if (table["data"] == DEMONSTRATION).any():
        parts.append(WARNING)
    if others := table.loc[~papers(table), "method"].unique().tolist():
        parts.append(OTHER_METHODS.format(", ".join(METHODS[name].label for name in others)))
    parts += ["## How a check is decided", *RULE]
    parts.append("\n".join(f"- {note}" for note in run_notes))
    for claim, title in CLAIMS.items():
        parts.append(f"## Claim {claim}: {title}")
        of_claim = table[table["claim"] == claim]
        for name in of_claim["check"].unique():
            parts += _section(of_claim[of_claim["check"] == name])
    return "\n\n".join(parts) + "\n"


def _section(table: pd.DataFrame) -> list[str]:
    """Return a check's heading, its rows, and below them those that could not be made."""
    first = table.iloc[0]
    parts = [
        f"### {first['check']}. {first['statement']}",
        f"Effect: {first['measured']}; claimed: {first['claimed']}"
        f"{'; 90 % intervals' if first['claimed'].startswith('within') else ''}.",
    ]
    made = table[table["verdict"] != ABSENT]
    if len(made):
        lines = pd.DataFrame([_line(row) for _, row in made.iterrows()])
        if papers(made).all():
            lines = lines.drop(columns="Method")
        parts.append(pipe_table(lines.loc[:, (lines != "").any()]))
    # In few words what would be many empty rows.
    reasons = table[table["verdict"] == ABSENT].groupby("reason", sort=False)["where"]
    unmade = [f"- Not run: {'; '.join(places.unique())}: {reason}." for reason, places in reasons]
    return [*parts, "\n".join(unmade)] if unmade else parts


def _line(row: pd.Series) -> dict[str, str]:
    remarks = [
        row["reason"] if row["verdict"] == OPEN else "",
        f"{row['dropped']} of {row['runs'] + row['dropped']} dropped" if row["dropped"] else "",
        row["note"],
    ]
    where = row["where"]
    if row["data"] == DEMONSTRATION and DEMONSTRATION not in where:
        where = f"{where} ({DEMONSTRATION})"
    return {
        "Where": where,
        "Method": METHODS[row["method"]].label,
        "ρ": "" if pd.isna(row["rho"]) else format_number(row["rho"]),
        "Epoch": "" if pd.isna(row["epoch"]) else str(int(row["epoch"])),
        "Verdict": f"**{row['verdict']}**" if row["verdict"] != OPEN else OPEN,
        "Effect": _effect(row),
        "Over test examples": _range(row, "test_low", "test_high"),
        "Adjusted p": "" if pd.isna(row["adjusted_p"]) else f"{row['adjusted_p']:.2g}",
        "Seeds": str(row["runs"]),
        "Remarks": "; ".join(filter(None, remarks)),
    }


def _effect(row: pd.Series) -> str:
    return " ".join(filter(None, [_signed(row["effect"]), _range(row, "low", "high")]))


def _range(row: pd.Series, low: str, high: str) -> str:
    return "" if pd.isna(row[low]) else f"[{_signed(row[low])}, {_signed(row[high])}]"


def _signed(value: float) -> str:
    if pd.isna(value):
        return ""
    # Three digits, for effects may be of any size.
    return f"{value:+.3g}".replace("-", "−") if value else "0"
