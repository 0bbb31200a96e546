"""The rule by which a check is supported, contradicted or open (docs/claims.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import sem, t

from feature_quality.artifacts.prepared import Description
from feature_quality.methods import PAPER_METHOD, Method
from feature_quality.reporting.statistics import fieller, holm, interval
from feature_quality.reporting.toy_runs import TOY_METHODS

SUPPORTED, CONTRADICTED, OPEN = "supported", "contradicted", "open"
# The verdict of a check for which there is nothing to compare.
ABSENT = "not run"
# What a verdict is about. The paper claims nothing of a custom dataset, or of demonstrations.
REAL, TOY, CUSTOM, DEMONSTRATION = "real data", "toy", "custom dataset", "demonstration"

# The margins of "matches" and "nearly constant": for errors, which are fractions, and for ratios.
ERRORS, RATIOS = 0.02, 0.1
# The level of the adjusted verdicts.
LEVEL = 0.05

COLUMNS = [
    *("claim", "check", "statement", "data", "where", "method", "rho", "epoch", "verdict"),
    *("effect", "measured", "claimed", "low", "high", "level", "test_low", "test_high"),
    *("p", "adjusted_p", "adjusted_verdict", "runs", "dropped", "reason", "note"),
]

NOT_RUN = "the study was not run"
NOT_THERE = "the dataset is not among the results"
NOT_TOLD = "SGD's errors do not tell easy from hard"

Row = dict[str, Any]


@dataclass(frozen=True)
class CheckContext:
    """Where a check is made.

    Attributes:
        data: ``REAL``, ``TOY``, ``CUSTOM`` or ``DEMONSTRATION``.
        where: the dataset, or the setting of the toy.
        rho: the method's ρ; None where none is meant.
        epoch: the checkpoint; None where it is the end of training, or all of it.
        method: the name of the method that is compared with SGD; empty for the paper's.
    """

    data: str
    where: str
    rho: float | None = None
    epoch: int | None = None
    method: str = ""

    @classmethod
    def of(
        cls, description: Description, rho: float | None = None, method: str = ""
    ) -> "CheckContext":
        """Name a dataset, with its target domain where there is one."""
        target = f", target {description.target}" if description.target else ""
        data = kind_of(description.demonstration, description.custom)
        return cls(data, f"{description.title}{target}", rho, method=method)


@dataclass(frozen=True)
class Check:
    """A part of a claim that one number per seed decides.

    Attributes:
        name: the claim's number, and the part's letter if there are several.
        statement: what is claimed, in plain words.
        measured: what the number is, in which unit and direction.
        side: the side of 0 on which its mean is claimed to lie; ``within`` the margin if around 0,
            ``factor`` if it is a ratio that is to lie around 1.
        margin: how far from 0 it may lie, or by which factor from 1.
    """

    name: str
    statement: str
    measured: str
    side: Literal["above", "below", "within", "factor"]
    margin: float = 0.0

    def evaluate(
        self,
        context: CheckContext,
        values: pd.Series,
        note: str = "",
        samples: pd.DataFrame | None = None,
    ) -> Row:
        """Return the check's row, the columns of ``COLUMNS``.

        The verdict is *supported* if the t-interval of the mean (90 % for margins, which are two
        tests of 5 %, else 95 %) lies wholly on the claimed side of 0, or within the margin,
        *contradicted* if it lies wholly on the other side, or outside the margin, and else *open*.
        If all values are equal, the interval is that one value; 0 is on neither side.

        Args:
            context: where the check is made.
            values: one number per seed, such as a difference of two runs; one that is not finite
                is dropped.
            note: what a reader must know besides.
            samples: the same numbers on bootstrap samples of the test set, one row per seed; they
                give an interval beside that over seeds, which decides nothing.
        """
        known = values[np.isfinite(values)]
        row = self.unknown(context, "no seed has what is compared", note)
        row |= {"runs": len(known), "dropped": len(values) - len(known)}
        if len(known):
            row |= {"effect": _rounded(known.mean()), "reason": "one seed", "verdict": OPEN}
            if samples is not None:
                ends = np.percentile(samples.loc[known.index].mean(), [2.5, 97.5])
                row |= dict(zip(("test_low", "test_high"), map(_rounded, ends), strict=True))
        if len(known) > 1:
            level = 0.9 if self.side == "within" else 0.95
            low, high = map(_rounded, interval(known, level))
            verdict, reason = self.decide(low, high)
            row |= {"low": low, "high": high, "level": level, "verdict": verdict, "reason": reason}
            row["p"] = self._p(known) if low < high else float(verdict == OPEN)
        return row

    def evaluate_ratio(
        self, context: CheckContext, numerators: pd.Series, denominators: pd.Series, note: str = ""
    ) -> Row:
        """Return the row of a check of the ratio of two means over the same seeds.

        The interval is Fieller's, of 90 %; it decides as ``evaluate`` does for a margin. Without a
        denominator that is surely positive there is no such interval, and the check is open.
        """
        pairs = pd.DataFrame({"numerator": numerators, "denominator": denominators})
        known = pairs[np.isfinite(pairs).all(axis=1)]
        row = self.unknown(context, "no seed has what is compared", note)
        row |= {"runs": len(known), "dropped": len(pairs) - len(known)}
        if len(known) < 2:
            return row | ({"reason": "one seed", "verdict": OPEN} if len(known) else {})
        above, below = known["numerator"], known["denominator"]
        row |= {"verdict": OPEN, "level": 0.9, "p": 1.0}
        if below.mean() > 0:
            row["effect"] = _rounded(above.mean() / below.mean())
        ends = fieller(above, below, 0.9)
        if ends is None:
            return row | {"reason": "the second gain may be 0"}
        low, high = map(_rounded, ends)
        row |= {"low": low, "high": high, "reason": "the interval crosses the margin"}
        outside = high < 1 / self.margin or low > self.margin
        if outside or (1 / self.margin <= low and high <= self.margin):
            row |= {"verdict": CONTRADICTED if outside else SUPPORTED, "reason": ""}
        # Inside, both of these are positive; each end of the interval is where one of them is 0.
        inside = [self.margin * above - below, self.margin * below - above]
        scores = [
            each.mean() / sem(each) if sem(each) > 0 else np.copysign(np.inf, each.mean())
            for each in inside
        ]
        row["p"] = float(t.sf(abs(min(scores)), len(known) - 1))
        return row

    def unknown(self, context: CheckContext, reason: str, note: str = "") -> Row:
        """Return the row of a check that cannot be made."""
        row: Row = dict.fromkeys(COLUMNS)
        return row | {
            "claim": int(self.name.rstrip(ascii_lowercase)),
            "check": self.name,
            "statement": self.statement,
            "data": context.data,
            "where": context.where,
            "method": context.method or papers_method(context.data).name,
            "rho": context.rho,
            "epoch": context.epoch,
            "verdict": ABSENT,
            "measured": self.measured,
            "claimed": {
                "within": f"within ±{self.margin:g}",
                "factor": f"within a factor of {self.margin:g}",
            }.get(self.side, f"{self.side} 0"),
            "runs": 0,
            "dropped": 0,
            "reason": reason,
            "note": note,
        }

    def decide(self, low: float, high: float) -> tuple[str, str]:
        """Return the verdict, and the reason if it is open."""
        if self.side == "within":
            if -self.margin <= low and high <= self.margin:
                return SUPPORTED, ""
            outside = high < -self.margin or low > self.margin
            return (CONTRADICTED, "") if outside else (OPEN, "the interval crosses the margin")
        if low <= 0 <= high:
            return OPEN, "a tie on every seed" if low == high else "the interval holds 0"
        return (SUPPORTED if (low > 0) == (self.side == "above") else CONTRADICTED), ""

    def _p(self, values: pd.Series) -> float:
        """Return the p-value by which the same interval decides the verdict.

        It is two-sided, or one-sided for a margin (of two one-sided tests, the larger).
        """
        numbers = values.to_numpy(float)
        distance, sides = abs(float(numbers.mean())), 2
        if self.side == "within":
            distance, sides = abs(self.margin - distance), 1
        return float(sides * t.sf(distance / sem(numbers), len(numbers) - 1))


def left_open(row: Row, reason: str) -> Row:
    """Return a row without its verdict, whatever its interval; what had none stays as it is."""
    return row if row["p"] is None else row | {"verdict": OPEN, "reason": reason, "p": 1.0}


def papers_method(data: str) -> Method:
    """Return the method of which the paper claims something, on a kind of data."""
    return TOY_METHODS[1] if data == TOY else PAPER_METHOD


def papers(table: pd.DataFrame) -> pd.Series:
    """Say which checks are of the method of which the paper claims something."""
    return table["method"] == table["data"].map(lambda data: papers_method(data).name)


def kind_of(demonstration: bool, custom: bool) -> str:
    """Return what kind of data a dataset of images is."""
    if demonstration:
        return DEMONSTRATION
    return CUSTOM if custom else REAL


def not_run(checks: Sequence[Check]) -> list[Row]:
    """Return the rows for a study of the toy that was not run."""
    return [check.unknown(CheckContext(TOY, "toy"), NOT_RUN) for check in checks]


def tabulate(rows: Sequence[Row]) -> pd.DataFrame:
    """Return all rows as a table (``COLUMNS``), by claim and check and then as they came.

    P-values are adjusted within each claim by Holm's method. What the paper claims nothing of,
    other methods and other data, are families of their own.
    """
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"epoch": "Int64", "p": float})
    family = [
        table["claim"],
        table["data"].replace(TOY, REAL),
        table["method"].where(~papers(table), ""),
    ]
    table["adjusted_p"] = table.groupby(family)["p"].transform(holm)
    undecided = table["verdict"].isin([SUPPORTED, CONTRADICTED]) & (table["adjusted_p"] > LEVEL)
    table["adjusted_verdict"] = table["verdict"].mask(undecided, OPEN)
    return table.sort_values(["claim", "check"], kind="stable", ignore_index=True)


def _rounded(number: float) -> float:
    # Numbers that differ by rounding alone must tie. Adding 0 makes −0 a 0.
    return round(float(number), 12) + 0.0
