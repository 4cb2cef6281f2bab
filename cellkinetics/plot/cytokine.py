"""Cytokines: heat maps of fold changes and peaks, and every subject's course."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellkinetics.plot.individual import ABOVE, BELOW
from cellkinetics.plot.style import COLOURS, GREY, INK, panels

_SIGNS = {"above": ">", "below": "<", "between": "~", "unknown": "?"}
_KEY = "> more than, < less than, ~ between bounds, ? hidden by limits; grey: no number"
_MANY, _TOO_MANY = 300, 3000  # cells from which signs are small, and from which they would smear


def heat_map(cells: pd.DataFrame, *, columns: str, label: str, title: str = "") -> Figure:
    """Draw a value for every row and column as colour, white at 0 and as strong below as above.

    Parameters
    ----------
    cells : DataFrame               row, column (in the order in which they are to stand), value
                                    (such as log2 fold change; NaN: grey), flag ("exact"; "above",
                                    "below", "between", "unknown" where value is a bound, drawn as
                                    >, <, ~, ?)
    columns : str                   what the columns are, for the axis
    label : str                     what the colour is
    title : str

    Returns
    -------
    Figure
    """
    names, over = (list(dict.fromkeys(cells[c])) for c in ("row", "column"))
    value = np.full((len(names), len(over)), np.nan)
    at = [names.index(n) for n in cells["row"]], [over.index(c) for c in cells["column"]]
    value[at] = cells["value"].to_numpy(np.float64)
    width = min(2.2 + 0.5 * max(len(over), 6), 24.0)
    height = min(1.2 + 0.28 * max(len(names), 3), 40.0)
    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    top = max(float(np.nanmax(np.abs(value), initial=0.0)), 1.0)
    axis.set_facecolor("#cccccc")
    image = axis.imshow(
        np.ma.masked_invalid(value), cmap="RdBu_r", norm=Normalize(-top, top), aspect="auto"
    )
    if value.size <= _TOO_MANY and (cells["flag"].isin(list(_SIGNS))).any():
        _write_signs(axis, cells, at, value / top, 8 if value.size <= _MANY else 6)
        figure.supxlabel(_KEY, fontsize=7, color=INK)
    axis.set_xticks(range(len(over)), [_short(c) for c in over], fontsize=8)
    axis.set_yticks(range(len(names)), [str(n) for n in names], fontsize=8)
    axis.set_xlabel(columns, fontsize=9)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    bar = figure.colorbar(image, ax=axis, shrink=0.9)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _write_signs(
    axis: Axes,
    cells: pd.DataFrame,
    at: tuple[list[int], list[int]],
    strength: np.ndarray,
    size: float,
) -> None:
    for i, j, flag in zip(*at, cells["flag"], strict=True):
        if flag in _SIGNS:
            colour = "white" if abs(strength[i, j]) > 0.6 else INK
            axis.text(j, i, _SIGNS[flag], ha="center", va="center", fontsize=size, color=colour)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def spaghetti(readings: pd.DataFrame, *, units: dict[str, str], title: str = "") -> Figure:
    """Draw every subject's course, one panel an analyte, on a logarithmic axis.

    Parameters
    ----------
    readings : DataFrame            subject, analyte, time (day), level (the limit where it is
                                    beyond one), kind (0 observed, 1 below, 2 above, 3 interval);
                                    readings beyond a limit are open triangles at it
    units : dict                    of each analyte
    title : str

    Returns
    -------
    Figure
    """
    analytes = list(dict.fromkeys(readings["analyte"]))
    columns = min(4, len(analytes))
    width = max(3.1, 8.4 / columns)  # the title and the legend need their room
    figure, axes = panels(len(analytes), columns=columns, width=width, height=2.4)
    subjects = list(dict.fromkeys(readings["subject"]))
    few = len(subjects) <= len(COLOURS)
    colour = dict(zip(subjects, COLOURS if few else [INK] * len(subjects), strict=False))
    latest = float(readings["time"].max()) if len(readings) else 0.0
    for axis, analyte in zip(axes, analytes, strict=True):
        own = readings[(readings["analyte"] == analyte) & (readings["level"] > 0)]
        if few:
            for subject, rows in own.groupby("subject", sort=False):
                _course(axis, rows, colour[str(subject)], strong=True)
        else:
            _course(axis, _broken(own), INK, strong=False)
        axis.set_yscale("log")
        axis.set_title(f"{analyte}, {units.get(analyte, '')}".rstrip(", "), fontsize=9, loc="left")
        axis.axvline(0, color=GREY, linewidth=0.6, zorder=0)
        if latest > 60:
            axis.set_xscale("symlog", linthresh=28, linscale=1.0)
            ticks = [t for t in (0, 14, 28, 90, 365, 1095) if t <= 1.1 * latest]
            axis.set_xticks(ticks, [str(t) for t in ticks])
            axis.minorticks_off()
    figure.supxlabel("days since infusion", fontsize=9)
    figure.legend(
        handles=_legend(subjects if few else [], colour), loc="outside upper right",
        ncols=8, fontsize=8, frameon=False,
    )  # fmt: skip
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _broken(rows: pd.DataFrame) -> pd.DataFrame:
    """All courses as one line: a gap after each subject."""
    gaps = rows.drop_duplicates("subject", keep="last").assign(time=np.nan, level=np.nan, kind=-1)
    order = {subject: i for i, subject in enumerate(dict.fromkeys(rows["subject"]))}
    both = pd.concat([rows, gaps])
    return both.iloc[np.argsort(both["subject"].map(order).to_numpy(), kind="stable")]


def _course(axis: Axes, rows: pd.DataFrame, colour: str, *, strong: bool) -> None:
    axis.plot(
        rows["time"], rows["level"], color=colour, linewidth=0.8, alpha=0.8 if strong else 0.25
    )
    for kinds, marker, size in (((0,), ".", 4), ((1, 3), BELOW, 4), ((2,), ABOVE, 5)):
        some = rows[rows["kind"].isin(kinds)]
        axis.plot(
            some["time"],
            some["level"],
            marker,
            color=colour,
            markersize=size if strong else 0.75 * size,
            fillstyle="full" if kinds == (0,) else "none",
            markeredgewidth=0.7,
            alpha=0.9 if strong else 0.4,
        )


def _legend(subjects: list[str], colour: dict[str, str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour[s], marker=".", linewidth=0.8, label=s) for s in subjects
    ]
    for marker, words in ((BELOW, "below its limit"), (ABOVE, "above its limit")):
        handles.append(
            Line2D([], [], color=INK, marker=marker, linestyle="", fillstyle="none", label=words)
        )
    return handles
