"""Survival and cumulative-incidence curves with the numbers at risk below."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellkinetics.plot.style import COLOURS, INK


def survival_curves(
    curves: Mapping[str, pd.DataFrame],
    *,
    at_risk: Mapping[str, pd.DataFrame],
    height: str = "survival",
    title: str = "",
    ylabel: str = "",
    xlabel: str = "days since infusion",
    note: str = "",
) -> Figure:
    """Draw step curves with bands, censoring ticks and the numbers at risk.

    Parameters
    ----------
    curves : mapping of label -> DataFrame    time, events, censored, ``height``, lower, upper: a
                                              row for time 0 and every event or censoring
    at_risk : mapping of label -> DataFrame   time, at_risk; of the same labels
    height : str                              column that is drawn: "survival" or "incidence"
    title, ylabel, xlabel, note : str         note: what the band is, for the foot

    Returns
    -------
    Figure
    """
    rows = len(curves)
    figure = Figure(figsize=(6.4, 4.3 + 0.22 * rows), layout="constrained")
    axis, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": (4.0, 0.28 * (rows + 0.8))}
    )
    colours = dict(zip(curves, _cycle(rows), strict=True))
    for label, curve in curves.items():
        _draw(axis, curve, height, colours[label], _legend(label, curve))
    last = max(float(curve["time"].iloc[-1]) for curve in curves.values())
    axis.set_xlim(-0.02 * max(last, 1.0), 1.02 * max(last, 1.0))
    axis.set_ylim(-0.02, 1.04)
    axis.set_yticks(np.linspace(0, 1, 6), [f"{100 * p:.0f} %" for p in np.linspace(0, 1, 6)])
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.set_ylabel(ylabel, fontsize=9)
    # A curve that falls leaves the upper right free, one that rises the upper left.
    axis.legend(loc="upper left" if height == "incidence" else "best", fontsize=8, frameon=False)
    if title:
        axis.set_title(title, fontsize=10, loc="left")
    _numbers(below, at_risk, colours)
    below.set_xlabel(xlabel, fontsize=9)
    if note:
        figure.supxlabel(note, fontsize=7, x=0.01, ha="left", color=INK)
    return figure


def _draw(axis: Axes, curve: pd.DataFrame, height: str, colour: str, label: str) -> None:
    # Everyone starts event-free: an event at time 0 is a step there, not a lower start.
    time = np.concatenate(([0.0], curve["time"]))
    level = np.concatenate(([0.0 if height == "incidence" else 1.0], curve[height]))
    axis.fill_between(
        curve["time"],
        curve["lower"],
        curve["upper"],
        step="post",
        color=colour,
        alpha=0.15,
        linewidth=0,
    )
    axis.step(time, level, where="post", color=colour, linewidth=1.4, label=label)
    ticks = curve[curve["censored"] > 0]
    axis.plot(ticks["time"], ticks[height], "|", color=colour, markersize=7, markeredgewidth=1.0)


def _legend(label: str, curve: pd.DataFrame) -> str:
    events = int(curve["events"].sum())
    return f"{label} (n = {int(curve['at_risk'].iloc[0])}, {events} event{'s' * (events != 1)})"


def _numbers(axis: Axes, at_risk: Mapping[str, pd.DataFrame], colours: Mapping[str, str]) -> None:
    """Write the numbers at risk as a small table whose columns are the ticks."""
    axis.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axis.set_ylim(len(at_risk) - 0.4, -0.9)
    axis.tick_params(axis="y", length=0, labelsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_yticks(range(len(at_risk)), list(at_risk))
    for tick, label in zip(axis.get_yticklabels(), at_risk, strict=True):
        tick.set_color(colours[label])
    axis.text(0.0, 1.0, "at risk", transform=axis.transAxes, fontsize=8, va="top", color=INK)
    days: Sequence[float] = sorted({day for table in at_risk.values() for day in table["time"]})
    axis.set_xticks(days, [f"{day:g}" for day in days])
    for row, table in enumerate(at_risk.values()):
        for day, count in zip(table["time"], table["at_risk"], strict=True):
            axis.text(day, row, f"{count}", ha="center", va="center", fontsize=8, color=INK)


def _cycle(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]
