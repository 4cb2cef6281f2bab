"""Each subject's readings and fitted curve."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from cellkinetics.plot.style import COLOURS, GREY, INK, MARKERS, panels

Floats = NDArray[np.float64]
BELOW, ABOVE = "v", "^"


@dataclass(frozen=True)
class Curves:
    """Trajectories of one observable: quantiles over draws, (subject, time)."""

    subjects: tuple[str, ...]
    times: Floats
    low: Floats
    median: Floats
    high: Floats
    label: str
    unit: str


def individual_fits(
    curves: Curves,
    readings: pd.DataFrame,
    subjects: list[str],
    *,
    title: str = "",
    log: bool = True,
    band: str = "90 % interval of the curve",
) -> Figure:
    """Draw readings and curves, one panel a subject.

    Parameters
    ----------
    curves : Curves
    readings : DataFrame            subject, time, analyte, level (in the curve's unit), kind
                                    (0 observed, 1 below, 2 above, 3 interval, -1 left out)
    subjects : list of str          those to draw
    title : str
    log : bool                      logarithmic axis
    band : str                      what the band is, for the legend

    Returns
    -------
    Figure
    """
    figure, axes = panels(len(subjects), columns=min(5, max(3, len(subjects))), sharey=True)
    analytes = list(dict.fromkeys(readings["analyte"]))
    for axis, subject in zip(axes, subjects, strict=True):
        at = curves.subjects.index(subject)
        axis.fill_between(
            curves.times, curves.low[at], curves.high[at], color=INK, alpha=0.15, linewidth=0
        )
        axis.plot(curves.times, curves.median[at], color=INK, linewidth=1.2)
        own = readings[readings["subject"] == subject]
        for colour, marker, analyte in zip(COLOURS, MARKERS, analytes, strict=False):
            rows = own[own["analyte"] == analyte]
            seen = rows[rows["kind"] == 0]
            below = rows[rows["kind"].isin([1, 3])]
            above = rows[rows["kind"] == 2]
            out = rows[rows["kind"] == -1]
            axis.plot(seen["time"], seen["level"], marker, color=colour, markersize=4, alpha=0.9)
            for rows, caret in ((below, BELOW), (above, ABOVE)):
                axis.plot(
                    rows["time"], rows["level"], caret, color=colour, markersize=5, fillstyle="none"
                )
            axis.plot(out["time"], out["level"], marker, color=GREY, markersize=3, alpha=0.7)
        axis.set_title(subject, fontsize=9, loc="left")
        axis.set_xscale("symlog", linthresh=14, linscale=1.2)
        ticks = [t for t in (0, 7, 14, 28, 90, 180, 365, 730) if t <= 1.05 * curves.times.max()]
        axis.set_xticks(ticks, [str(t) for t in ticks])
        if log:
            axis.set_yscale("log")
        axis.minorticks_off()  # after the scales, which bring theirs: most of the drawing time
    if log:
        levels = readings.loc[readings["level"] > 0, "level"]
        if len(levels):
            axes[0].set_ylim(0.2 * levels.min(), 8 * max(levels.max(), np.nanmax(curves.median)))
    figure.supxlabel("days since infusion", fontsize=9)
    figure.supylabel(f"{curves.label}, {curves.unit}", fontsize=9)
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=c, marker=m, linestyle="", markersize=4, label=a)
        for c, m, a in zip(COLOURS, MARKERS, analytes, strict=False)
    ]
    handles += [
        Line2D(
            [], [], color=INK, marker=BELOW, linestyle="", fillstyle="none", label="below limit"
        ),
        Line2D([], [], color=INK, linewidth=1.2, label="median"),
        Patch(color=INK, alpha=0.15, linewidth=0, label=band),
    ]
    if (readings["kind"] == 2).any():
        above = Line2D([], [], color=INK, marker=ABOVE, linestyle="", fillstyle="none")
        above.set_label("above limit")
        handles.append(above)
    if (readings["kind"] == -1).any():
        handles.append(
            Line2D([], [], color=GREY, marker="o", linestyle="", markersize=3, label="left out")
        )
    figure.legend(
        handles=handles, loc="outside upper right", ncols=len(handles), fontsize=8, frameon=False
    )
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure
