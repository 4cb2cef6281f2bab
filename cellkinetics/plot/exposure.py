"""Readings of each subject with what was measured on them: peak, terminal line, windows."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellkinetics.plot.style import COLOURS, GREY, INK, panels

_LINE, _PEAK = COLOURS[1], COLOURS[0]


def profiles(
    readings: pd.DataFrame, metrics: pd.DataFrame, subjects: list[str], *, title: str = ""
) -> Figure:
    """Draw one analyte, one panel a subject, on a logarithmic axis.

    Parameters
    ----------
    readings : DataFrame            subject, time, value (the limit unless read), kind (read, below,
                                    above), unit
    metrics : DataFrame             subject and, where they were computed, Cmax, Tmax, lambda_z,
                                    lambda_z_lower, lambda_z_upper, Tlast, Clast_pred
    subjects : list of str          those to draw
    title : str

    Returns
    -------
    Figure
    """
    columns = min(5, len(subjects))
    width = max(3.0, 8.4 / columns)  # the title and the legend need their room
    figure, axes = panels(len(subjects), columns=columns, width=width, sharey=True)
    end = float(readings["time"].max())
    for axis, subject in zip(axes, subjects, strict=True):
        own = readings[readings["subject"] == subject].sort_values("time")
        seen = own[(own["kind"] != "below") & (own["value"] > 0)]
        axis.plot(seen["time"], seen["value"], color=GREY, linewidth=0.8)
        for kind, marker, filled in (
            ("read", "o", True),
            ("below", "v", False),
            ("above", "^", False),
        ):
            rows = own[(own["kind"] == kind) & (own["value"] > 0)]
            axis.plot(
                rows["time"],
                rows["value"],
                marker,
                color=INK if filled else GREY,
                fillstyle="full" if filled else "none",
                markersize=4 if filled else 5,
            )
        row = metrics[metrics["subject"] == subject].iloc[0]
        _peak(axis, row)
        _terminal(axis, row)
        axis.set_title(subject, fontsize=9, loc="left")
        axis.set_yscale("log")
        axis.set_xscale("symlog", linthresh=14, linscale=1.2)
        ticks = [t for t in (0, 7, 14, 28, 90, 180, 365, 730) if t <= 1.05 * end]
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.set_xlim(-1.0, 1.15 * max(end, 1.0))
        axis.minorticks_off()
    figure.supxlabel("days since infusion", fontsize=9)
    unit = next((str(u) for u in readings["unit"].dropna()), "")
    figure.supylabel(unit, fontsize=9)
    handles = [
        Line2D([], [], color=INK, marker="o", linestyle="", markersize=4, label="reading"),
        Line2D([], [], color=GREY, marker="v", linestyle="", fillstyle="none", label="below limit"),
        Line2D([], [], color=_PEAK, marker="*", linestyle="", markersize=9, label="Cmax"),
        Line2D([], [], color=_LINE, linewidth=1.6, label="terminal line"),
    ]
    if (readings["kind"] == "above").any():
        above = Line2D([], [], color=GREY, marker="^", linestyle="", fillstyle="none")
        above.set_label("above limit")
        handles.insert(2, above)
    figure.legend(
        handles=handles, loc="outside upper right", ncols=len(handles), fontsize=8, frameon=False
    )
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _peak(axis: Axes, row: pd.Series) -> None:
    if {"Cmax", "Tmax"} <= set(row.index) and np.isfinite(row["Cmax"]):
        axis.plot(row["Tmax"], row["Cmax"], "*", color=_PEAK, markersize=9)


def _terminal(axis: Axes, row: pd.Series) -> None:
    needed = {"lambda_z", "lambda_z_lower", "lambda_z_upper", "Tlast", "Clast_pred"}
    if needed <= set(row.index) and np.isfinite(row["lambda_z"]):
        times = np.linspace(row["lambda_z_lower"], row["lambda_z_upper"], 50)
        level = row["Clast_pred"] * np.exp(-row["lambda_z"] * (times - row["Tlast"]))
        axis.plot(times, level, color=_LINE, linewidth=1.6)
