"""Whether the chains agree: traces and ranks."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from cellkinetics.plot.style import COLOURS, INK, panels

Floats = NDArray[np.float64]


def traces(values: dict[str, Floats], *, divergent: NDArray[np.bool_] | None = None) -> Figure:
    """Draw every chain's path, one panel a parameter.

    Parameters
    ----------
    values : dict of name -> array (chain, draw)
    divergent : bool array (chain, draw), optional      marked at the foot of each panel

    Returns
    -------
    Figure
    """
    figure, axes = panels(len(values), columns=4, width=3.0, height=1.5)
    for axis, (name, draws) in zip(axes, values.items(), strict=True):
        step = max(1, draws.shape[1] // 500)
        for chain, path in enumerate(draws):
            axis.plot(
                np.arange(0, len(path), step),
                path[::step],
                linewidth=0.4,
                color=COLOURS[chain % len(COLOURS)],
                alpha=0.8,
            )
        if divergent is not None and divergent.any():
            where = np.unique(np.nonzero(divergent)[1])
            axis.plot(where, np.full(len(where), draws.min()), "|", color=INK, markersize=5)
        axis.set_title(name, fontsize=8, loc="left")
    return figure


def ranks(values: dict[str, Floats]) -> Figure:
    """Draw how each chain's ranks differ from uniform: ECDF minus its expectation.

    The band holds a chain's whole line with probability of about 95 % if all chains draw from
    one distribution (Kolmogorov-Smirnov).

    Parameters
    ----------
    values : dict of name -> array (chain, draw)

    Returns
    -------
    Figure
    """
    figure, axes = panels(len(values), columns=4, width=3.0, height=1.5, sharey=True)
    for axis, (name, draws) in zip(axes, values.items(), strict=True):
        chains, count = draws.shape
        fraction = rankdata(draws).reshape(draws.shape) / draws.size
        grid = np.linspace(0, 1, 101)
        for chain in range(chains):
            ecdf = np.searchsorted(np.sort(fraction[chain]), grid, side="right") / count
            axis.plot(grid, ecdf - grid, linewidth=0.9, color=COLOURS[chain % len(COLOURS)])
        half = 1.36 / np.sqrt(count)
        axis.axhspan(-half, half, color=INK, alpha=0.08, linewidth=0)
        axis.set_title(name, fontsize=8, loc="left")
    figure.supxlabel("fractional rank", fontsize=8)
    figure.supylabel("ECDF difference", fontsize=8)
    return figure
