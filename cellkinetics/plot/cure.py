"""Probability of cure by day, with its interval, one line a dose."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cellkinetics.plot.style import COLOURS, panels


def cure_curves(cure: pd.DataFrame, *, title: str = "", unit: str = "") -> Figure:
    """Draw the share that was cured by each day.

    Parameters
    ----------
    cure : DataFrame                day, n, probability, lower, upper; dose, where there are several
    title : str
    unit : str                      of the doses

    Returns
    -------
    Figure
    """
    figure, (axis,) = panels(1, columns=1, width=5.4, height=3.2)
    if "dose" in cure:
        groups = [(f"{dose:.3g} {unit}", own) for dose, own in cure.groupby("dose")]
        ladder = colormaps["viridis_r"](np.linspace(0.15, 1.0, len(groups)))
        shades = [to_hex(shade) for shade in ladder]
    else:
        groups, shades = [("", cure)], [COLOURS[0]]
    for (label, own), shade in zip(groups, shades, strict=True):
        axis.fill_between(
            own["day"], own["lower"], own["upper"], color=shade, alpha=0.35 / len(groups) + 0.05,
            linewidth=0, step="post",
        )  # fmt: skip
        axis.step(own["day"], own["probability"], where="post", color=shade, label=label)
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel("days since first infusion", fontsize=8)
    axis.set_ylabel(f"probability of cure ({int(cure['n'].max())} runs)", fontsize=8)
    if "dose" in cure:
        figure.legend(
            loc="outside lower center", ncols=min(4, len(groups)), fontsize=8, frameon=False
        )
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure
