"""Which quantities trade with which: draws of a posterior, two by two."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellkinetics.plot.style import COLOURS, panels

Floats = NDArray[np.float64]


def pairs(values: dict[str, Floats], *, title: str = "", most: int = 1000) -> Figure:
    """Draw every pair of quantities, chains in their own colours.

    Parameters
    ----------
    values : dict of name -> array (chain, draw)    as they are to be drawn, say logarithms
    title : str
    most : int                                      draws of a chain that are drawn, evenly spread

    Returns
    -------
    Figure                                          the lower triangle; on the diagonal histograms
    """
    names = list(values)
    figure, axes = panels(len(names) ** 2, columns=len(names), width=1.6, height=1.4)
    for at, axis in enumerate(axes):
        row, column = divmod(at, len(names))
        if column > row:
            axis.remove()
            continue
        across, up = values[names[column]], values[names[row]]
        keep = np.linspace(0, across.shape[1] - 1, min(most, across.shape[1])).astype(int)
        bins = np.linspace(across.min(), across.max(), 31).tolist()
        for chain in range(len(across)):
            colour = COLOURS[chain % len(COLOURS)]
            if row == column:
                axis.hist(across[chain], bins=bins, histtype="step", color=colour, linewidth=0.8)
            else:
                axis.plot(
                    across[chain, keep], up[chain, keep], ".", color=colour,
                    markersize=2.5, alpha=0.5, markeredgewidth=0,
                )  # fmt: skip
        axis.tick_params(labelsize=6)
        if row == column:
            axis.set_yticks([])
        if column == 0 and row > 0:
            axis.set_ylabel(names[row], fontsize=7)
        if row == len(names) - 1:
            axis.set_xlabel(names[column], fontsize=7)
    if title:
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure
