"""The lost constants: which claims hold at each setting of them."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from feature_quality.formatting import format_number
from feature_quality.reporting.claims.verdict import ABSENT, CONTRADICTED, OPEN, SUPPORTED
from feature_quality.reporting.constants import shares, verdicts
from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.style import NO_DATA, canvas

INPUTS = {"toy": ["constants"]}
CAPTION = (
    "The toy's lost constants: which checks hold. The checks of claims 3, 4, 7 and 8 at each "
    "setting, most with one constant varied, and ρ of LSAM."
)
COLOURS = {SUPPORTED: "#009E73", OPEN: "#F0E442", CONTRADICTED: "#D55E00"}


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    table = verdicts(inputs["constants"])
    text = (
        "3b: LSAM's error on the spiral is lower. 4a: the phantom ratio of weights, hard over "
        "easy, is larger; 4b: the real one stays within 10 %. 7a, 7b: the hard feature's learning "
        "rate rises, the easy one's falls; 7d, 7e: the same relative to the norm. 8e is of LSAM's "
        "importance weights or learning rates alone, 8f of their gains' ratio. Verdicts are not "
        "corrected for their number. Below each check, in how many of the settings it is "
        "supported where SGD fails on the spiral and the check could be made. Settings in grey "
        "type are those where SGD does not fail, or loses the label; checks in grey could not be "
        "made."
    )
    return Drawing(plot(table), [text])


def plot(table: pd.DataFrame) -> Figure:
    """Draw one panel per ρ: a row per setting, a column per check; ``table`` is of ``verdicts``."""
    radii = sorted(table["rho"].unique())
    settings, checks = table["setting"].unique(), sorted(table["check"].unique())
    exists = table.groupby("setting")["exists"].first()
    counted = shares(table).set_index(["rho", "check"])
    height = 1.8 + 0.16 * len(settings)
    figure, axes = canvas(1, len(radii), height, sharey=True)
    order = list(COLOURS)
    for panel, rho in zip(axes[0], radii, strict=True):
        cells = table[table["rho"] == rho].pivot_table(
            index="setting", columns="check", values="verdict", aggfunc="first"
        )
        cells = cells.reindex(index=settings, columns=checks)
        codes = cells.apply(lambda column: column.map({name: i for i, name in enumerate(order)}))
        colours = ListedColormap(list(COLOURS.values())).with_extremes(bad=NO_DATA)
        panel.imshow(codes.to_numpy(float), colours, aspect="auto", vmin=0, vmax=len(order) - 1)
        labels = checks
        if len(counted):
            of_rho = counted.loc[rho]
            made = of_rho["settings"] - of_rho[ABSENT]
            labels = [f"{each}  {of_rho[SUPPORTED][each]}/{made[each]}" for each in checks]
        panel.set_xticks(np.arange(len(checks)), labels, rotation=90)
        panel.set_yticks(np.arange(len(settings)), settings)
        for label in panel.get_yticklabels():
            label.set_color("black" if exists[label.get_text()] else "#999999")
        panel.set_title(f"ρ = {format_number(rho)}")
        panel.grid(visible=False)
    handles = [Patch(color=colour, label=verdict) for verdict, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure
