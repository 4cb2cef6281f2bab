"""Swimmer plot: a lane a subject, response periods in colour, events and treatments as marks."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cellkinetics.plot.style import INK

# The better the remission the darker the green; no colour pair that colour vision can confuse.
RESPONSE_COLOURS = {
    "CR": "#00543d",
    "CRh": "#009e73",
    "CRi": "#8fd3bd",
    "MLFS": "#56b4e9",
    "PR": "#f0c84b",
    "NR": "#b5b5b5",
    "NE": "#ffffff",
}
_UNASSESSED = "#ececec"
# mark -> (marker, face, name)
_MARKS = {
    "tocilizumab": ("v", "#0072b2", "tocilizumab"),
    "corticosteroid": ("s", "#cc79a7", "corticosteroid"),
    "transplant": ("D", "#ffffff", "transplant"),
    "other_therapy": ("P", "#e69f00", "other therapy"),
    "treatment_failure": ("d", "#d55e00", "treatment failure"),
    "progression": ("X", "#d55e00", "progression"),
    "relapse": ("*", "#d55e00", "relapse"),
    "death": ("X", "#000000", "death"),
}
# Treatments sit on the edges of a lane, so that they do not hide each other or the events.
_OFFSET = {"tocilizumab": -0.31, "corticosteroid": 0.31, "other_therapy": 0.31}


def swimmer(
    bars: pd.DataFrame, periods: pd.DataFrame, marks: pd.DataFrame, *, title: str = ""
) -> Figure:
    """Draw each subject's course.

    Parameters
    ----------
    bars : DataFrame              subject, end (day), ongoing; the first is drawn on top
    periods : DataFrame           subject, start, end (day), response
    marks : DataFrame             subject, time (day), mark
    title : str

    Returns
    -------
    Figure
    """
    lanes = {subject: place for place, subject in enumerate(bars["subject"])}
    height = 0.33 * max(len(lanes), 1)
    if len(lanes) > 60:  # labels shrink rather than the figure growing without end
        height = 20 + 0.05 * (len(lanes) - 60)
    figure = Figure(figsize=(9.0, height + 2.0), layout="constrained")
    axis = figure.subplots()
    longest = float(bars["end"].max()) if len(bars) else 1.0
    for subject, end, ongoing in zip(bars["subject"], bars["end"], bars["ongoing"], strict=True):
        at = lanes[subject]
        axis.barh(at, end, height=0.62, color=_UNASSESSED, linewidth=0, zorder=1)
        if ongoing:
            axis.annotate(
                "",
                xy=(end + 0.03 * longest, at),
                xytext=(end, at),
                arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.2},
            )
    for subject, start, end, response in zip(
        periods["subject"], periods["start"], periods["end"], periods["response"], strict=True
    ):
        empty = response == "NE"
        axis.barh(
            lanes[subject],
            end - start,
            left=start,
            height=0.62,
            color=RESPONSE_COLOURS[response],
            hatch="////" if empty else None,
            edgecolor="#999999" if empty else "none",
            linewidth=0,
            zorder=2,
        )
    shown = [name for name in _MARKS if (marks["mark"] == name).any()]
    for name in shown:
        rows = marks[marks["mark"] == name]
        marker, face, _ = _MARKS[name]
        axis.plot(
            rows["time"],
            [lanes[s] + _OFFSET.get(name, 0.0) for s in rows["subject"]],
            marker,
            markerfacecolor=face,
            markeredgecolor="#ffffff" if name == "death" else INK,
            markeredgewidth=0.7,
            markersize=9 if marker == "*" else 7,
            linestyle="",
            clip_on=False,
            zorder=4,
        )
    axis.set_yticks(
        list(lanes.values()), list(lanes), fontsize=9 if len(lanes) <= 60 else 4, parse_math=False
    )
    axis.set_ylim(len(lanes) - 0.4, -0.6)
    axis.set_xlim(0, 1.06 * longest if longest > 0 else 1.0)
    axis.set_xlabel("days since infusion", fontsize=9)
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
    if title:
        axis.set_title(title, fontsize=10, loc="left", parse_math=False)
    _legend(figure, periods, shown, bool(bars["ongoing"].any()))
    return figure


def _legend(figure: Figure, periods: pd.DataFrame, shown: list[str], ongoing: bool) -> None:
    """Name what is in the figure, and nothing else."""
    handles: list[Line2D | Patch] = []
    for name, colour in RESPONSE_COLOURS.items():
        if (periods["response"] == name).any():
            empty = name == "NE"
            handles.append(
                Patch(
                    facecolor=colour,
                    edgecolor="#999999" if empty else colour,
                    hatch="////" if empty else None,
                    linewidth=0,
                    label=name,
                )
            )
    handles.append(Patch(color=_UNASSESSED, label="not assessed"))
    for name in shown:
        marker, face, label = _MARKS[name]
        handles.append(
            Line2D(
                [],
                [],
                marker=marker,
                linestyle="",
                markerfacecolor=face,
                markeredgecolor=INK,
                markeredgewidth=0.7,
                markersize=9 if marker == "*" else 7,
                label=label,
            )
        )
    if ongoing:
        handles.append(
            Line2D(
                [], [], marker=">", color=INK, markersize=5, linewidth=1.2, label="alive, followed"
            )
        )
    figure.legend(handles=handles, loc="outside right center", fontsize=8, frameon=False)
