"""Adverse events: subjects by term and worst grade."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cellkinetics.plot.style import INK

GRADE_COLOURS = {
    "grade_1": "#fee5d9",
    "grade_2": "#fcae91",
    "grade_3": "#fb6a4a",
    "grade_4": "#cb181d",
    "grade_5": "#3b0008",
    "grade_unknown": "#c0c0c0",
}
_LONGEST = 44  # characters of a term


def adverse_events(table: pd.DataFrame, *, title: str = "", most: int = 30) -> Figure:
    """Draw how many subjects had each term, by their worst grade.

    Parameters
    ----------
    table : DataFrame             soc, term, scale, n, subjects, grade_1 .. grade_5, grade_unknown,
                                  the most frequent first (``Answer.more["ae_by_term"]``)
    title : str
    most : int                    terms that are drawn; how many are left out is said

    Returns
    -------
    Figure
    """
    shown = table.head(most)
    figure = Figure(figsize=(8.5, 0.27 * max(len(shown), 1) + 1.6), layout="constrained")
    axis = figure.subplots()
    left = pd.Series(0.0, index=shown.index)
    places = range(len(shown))
    for name, colour in GRADE_COLOURS.items():
        counts = shown[name].astype(float)
        axis.barh(
            places, counts, left=left, height=0.72, color=colour, edgecolor="white", linewidth=0.6
        )
        left = left + counts
    for place, subjects, n in zip(places, shown["subjects"], shown["n"], strict=True):
        axis.annotate(
            f"{subjects}/{n}",
            (subjects, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=INK,
        )
    labels = [
        f"{_short(str(term))} ({scale})"
        for term, scale in zip(shown["term"], shown["scale"], strict=True)
    ]
    axis.set_yticks(list(places), labels, fontsize=7.5, parse_math=False)
    axis.set_ylim(len(shown) - 0.4, -0.6)
    largest = int(shown["n"].max()) if len(shown) else 1
    axis.set_xlim(0, 1.08 * largest)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
    left_out = len(table) - len(shown)
    more = f"; {left_out} rarer terms not drawn" if left_out > 0 else ""
    axis.set_xlabel(f"subjects, by worst grade{more}", fontsize=9)
    if title:
        axis.set_title(title, fontsize=10, loc="left", parse_math=False)
    handles = [
        Patch(color=colour, label=name.replace("_", " "))
        for name, colour in GRADE_COLOURS.items()
        if (shown[name] > 0).any()
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=len(handles),
            fontsize=8,
            frameon=False,
        )
    return figure


def _short(term: str) -> str:
    return term if len(term) <= _LONGEST else f"{term[: _LONGEST - 1]}…"
