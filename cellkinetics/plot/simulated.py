"""Curves of virtual patients: median, 5 to 95 % band, and the typical patient."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cellkinetics.plot.style import COLOURS, GREY, INK, panels

_DECADES = 8  # below the highest point: what lies deeper than that is not drawn
_UNBOUNDED = 1e10  # times the first level: growth that no bound of the model stops
_LEAVES_AT = 1e3  # times the first level: where such growth leaves the axis
_LINEAR_UP_TO = 30.0  # times: quantities that vary less get a linear axis


def curves_of(
    bands: pd.DataFrame,
    typical: pd.DataFrame,
    *,
    title: str = "",
    of: str = "patients",
    columns: int = 3,
) -> Figure:
    """Draw quantiles over patients, one panel a quantity.

    Parameters
    ----------
    bands : DataFrame               quantity, unit, time, n, p05, p50, p95
    typical : DataFrame             class, quantity, time, value
    title : str
    of : str                        what the quantiles are of
    columns : int                   of panels

    Returns
    -------
    Figure
    """
    quantities = list(dict.fromkeys(bands["quantity"]))
    columns = min(columns, len(quantities))
    width = max(3.2, 7.0 / columns)
    figure, axes = panels(len(quantities), columns=columns, width=width, height=2.7)
    drawn = bool((bands.groupby("quantity")["n"].max() > 1).any())
    classes = list(dict.fromkeys(typical["class"]))
    for axis, quantity in zip(axes, quantities, strict=True):
        own = bands[bands["quantity"] == quantity]
        of_typical = typical[typical["quantity"] == quantity]
        if drawn:
            axis.fill_between(
                own["time"], own["p05"], own["p95"], color=COLOURS[0], alpha=0.2, linewidth=0
            )
            axis.plot(own["time"], own["p50"], color=COLOURS[0], linewidth=1.5)
        for colour, name in zip(_class_colours(classes, drawn=drawn), classes, strict=False):
            line = of_typical[of_typical["class"] == name]
            axis.plot(
                line["time"], line["value"], color=colour, linewidth=1.1,
                linestyle="--" if drawn else "-",
            )  # fmt: skip
        set_scales(axis, own, of_typical)
        axis.set_title(quantity, fontsize=9, loc="left")
        axis.set_ylabel(str(own["unit"].iloc[0]), fontsize=8)
    for axis in axes[-columns:]:
        axis.set_xlabel("days since first infusion", fontsize=8)
    handles: list[Line2D | Patch] = []
    if drawn:
        handles += [
            Line2D([], [], color=COLOURS[0], linewidth=1.5, label="median"),
            Patch(color=COLOURS[0], alpha=0.2, linewidth=0, label=f"5 to 95 % of {of}"),
        ]
    for colour, name in zip(_class_colours(classes, drawn=drawn), classes, strict=False):
        label = "typical patient" if len(classes) == 1 else f"typical: {name}"
        handles.append(
            Line2D([], [], color=colour, linewidth=1.1, linestyle="--" if drawn else "-",
                   label=label)
        )  # fmt: skip
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=8,
        frameon=False,
    )  # fmt: skip
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _class_colours(classes: list[str], *, drawn: bool) -> list[str]:
    if len(classes) <= 1:
        return [INK if drawn else COLOURS[0]]
    return [*COLOURS[1:], GREY, INK][: len(classes)]


def set_scales(axis: Axes, own: pd.DataFrame, typical: pd.DataFrame) -> None:
    """Days as in the other figures; a logarithmic axis where a quantity spans a lot."""
    end = float(own["time"].max())
    if end > 60:
        axis.set_xscale("symlog", linthresh=14, linscale=1.2)
        ticks = [t for t in (0, 7, 14, 28, 90, 180, 365, 730) if t <= 1.05 * end]
        axis.set_xticks(ticks, [str(t) for t in ticks])
    lines = typical["value"].to_numpy(dtype=np.float64)
    values = np.concatenate([own[["p05", "p50", "p95"]].to_numpy().ravel(), lines])
    above = values[np.isfinite(values) & (values > 0)]
    if len(above) and above.max() > _LINEAR_UP_TO * above.min():
        axis.set_yscale("log")
        top = above.max()
        first = own.loc[own["time"] == own["time"].min(), ["p05", "p50", "p95"]].to_numpy().max()
        if top > _UNBOUNDED * first > 0:
            top = _LEAVES_AT * first
        axis.set_ylim(max(0.5 * above.min(), top * 10.0**-_DECADES), 2 * top)
    axis.minorticks_off()
