"""Colours and small helpers that every figure shares; figures are made without pyplot's state."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

from cellkinetics.plot.fonts import make_readable

type Drawing = Figure
"""What the functions of this package return; for others to name without loading matplotlib."""

# Okabe and Ito: distinct for all kinds of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#999999"
INK = "#222222"
MARKERS = ("o", "s", "D", "P", "X", "*")
# With a fixed salt, and no date, the same figure is the same file.
_WRITING: dict[Any, Any] = {"svg.hashsalt": "cellkinetics"}


def panels(
    count: int, *, columns: int = 4, width: float = 3.0, height: float = 2.5, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels in a grid, spare ones left out.

    Returns
    -------
    (Figure, list of Axes)
    """
    columns = min(columns, count)
    rows = ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    axes = list(grid.flat)
    for spare in axes[count:]:
        spare.remove()
    for axis in axes[:count]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes[:count]


def pages(items: list[str], per_page: int) -> Iterator[list[str]]:
    """Split a long list over several figures."""
    for first in range(0, len(items), per_page):
        yield items[first : first + per_page]


def save(figure: Figure, path: Path, *, dpi: int = 130) -> Path:
    """Write a figure whole or not at all; it is laid out once, for the first file."""
    temporary = path.with_name(f".{path.name}.tmp")
    kind = path.suffix.removeprefix(".")
    _take_as_written(figure)
    make_readable(figure)
    with rc_context(_WRITING):
        figure.savefig(
            temporary, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None
        )
    figure.set_layout_engine("none")
    temporary.replace(path)
    return path


def _take_as_written(figure: Figure) -> None:
    """Draw names as they are: a "$" in a subject's id or a study's name begins no formula.

    Numbers that matplotlib itself puts on a logarithmic axis stay formulas.
    """
    numbers = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        if not isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
    }
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in numbers:
            text.set_parse_math(False)
