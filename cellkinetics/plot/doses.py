"""Curves of virtual patients by dose: median and band of each level, one panel a quantity."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cellkinetics.plot.simulated import set_scales
from cellkinetics.plot.style import GREY, panels

_MOST_NAMED = 12  # levels in the legend; of more, so many of them


def curves_by_dose(
    bands: pd.DataFrame, *, title: str = "", of: str = "patients", unit: str = "", columns: int = 3
) -> Figure:
    """Draw quantiles over patients at each of several doses, darker for a higher dose.

    Parameters
    ----------
    bands : DataFrame               dose, quantity, unit, time, n, p05, p50, p95
    title : str
    of : str                        what the quantiles are of
    unit : str                      of the doses
    columns : int                   of panels

    Returns
    -------
    Figure
    """
    doses = sorted(set(bands["dose"]))
    # The light end of the scale would not show on white.
    shades = colormaps["viridis_r"](np.linspace(0.15, 1.0, len(doses)))
    quantities = list(dict.fromkeys(bands["quantity"]))
    columns = min(columns, len(quantities))
    figure, axes = panels(
        len(quantities), columns=columns, width=max(3.2, 7.0 / columns), height=2.7
    )
    drawn = bool(bands["n"].max() > 1)
    nobody = pd.DataFrame({"value": []}, dtype=np.float64)
    for axis, quantity in zip(axes, quantities, strict=True):
        of_quantity = bands[bands["quantity"] == quantity]
        for shade, dose in zip(shades, doses, strict=True):
            own = of_quantity[of_quantity["dose"] == dose]
            if drawn:
                # Many bands lie on one another: faint, with their edges drawn.
                axis.fill_between(
                    own["time"], own["p05"], own["p95"], color=shade, alpha=0.3 / len(doses),
                    linewidth=0,
                )  # fmt: skip
                for edge in ("p05", "p95"):
                    axis.plot(own["time"], own[edge], color=shade, linewidth=0.6, alpha=0.8)
            axis.plot(own["time"], own["p50"], color=shade, linewidth=1.5)
        set_scales(axis, of_quantity, nobody)
        axis.set_title(quantity, fontsize=9, loc="left")
        axis.set_ylabel(str(of_quantity["unit"].iloc[0]), fontsize=8)
    for axis in axes[-columns:]:
        axis.set_xlabel("days since first infusion", fontsize=8)
    named = np.unique(np.linspace(0, len(doses) - 1, min(_MOST_NAMED, len(doses))).astype(int))
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=shades[i], linewidth=1.5, label=f"{doses[i]:.3g} {unit}")
        for i in named
    ]
    if drawn:
        handles.append(
            Patch(color=GREY, alpha=0.3, linewidth=0, label=f"median, 5 to 95 % of {of}")
        )
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=8,
        frameon=False,
    )  # fmt: skip
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure
