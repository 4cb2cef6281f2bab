"""Numbers with their intervals as the cells of a table on the terminal."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

type Row = Mapping[Any, Any]  # of ``Answer.numbers``

PERCENT = 100
_LEAST_PERCENT = 0.01
INFINITE = (float("inf"), float("-inf"))


def say(console: Console, text: str) -> None:
    """Print a line whole, however long."""
    console.print(text, soft_wrap=True)


def aside(console: Console, text: str) -> None:
    """Print a line that explains a table."""
    say(console, f"[dim]{escape(text)}[/]")


def make_table(*names: str, left: tuple[int, ...] = (0,)) -> Table:
    """Return a plain table; columns hold numbers unless they are ``left``."""
    table = Table(box=None, pad_edge=False)
    for i, name in enumerate(names):
        table.add_column(
            escape(name), justify="left" if i in left else "right", no_wrap=i not in left
        )
    return table


def number(value: Any, scale: float = 1) -> str:
    """Three significant digits; "-" where there is none; per cent (``scale`` 100) from 0.01 on."""
    if value is None or pd.isna(value):
        return "-"
    value = scale * value
    if scale == PERCENT and 0 < value < _LEAST_PERCENT:
        return f"< {_LEAST_PERCENT:g}"
    if value in INFINITE:
        return "not reached"
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


def counts(row: Row) -> tuple[str, str]:
    """Give n and events; no events where the number does not count any."""
    events = row["events"]
    return f"{int(row['n'])}", "" if pd.isna(events) else f"{int(events)}"


def interval(row: Row, scale: float = 1) -> str:
    """Interval in brackets; empty where there is none, an open end is "not reached"."""
    ends = [row["lower"], row["upper"]]
    if all(pd.isna(end) for end in ends):
        return ""
    kind: str = "range " if pd.isna(row["level"]) else ""
    shown = ["not reached" if pd.isna(end) else number(end, scale) for end in ends]
    return escape(f"[{kind}{shown[0]}, {shown[1]}]")


def cell(row: Row | None, nothing: str = "-", scale: float = 1) -> str:
    """Estimate and interval; a star where it is extrapolated."""
    if row is None:
        return ""
    value: str = nothing if pd.isna(row["estimate"]) else number(row["estimate"], scale)
    far = "*" if "extrapolated" in str(row["note"]) else ""
    return f"{value}{far} {interval(row, scale)}".rstrip()


def bounded(row: Row) -> str:
    """Give a number, or the bounds of one that limits hide."""
    if not row:
        return ""
    if pd.notna(row["estimate"]) or pd.isna(row["lower"]):
        return number(row["estimate"])
    if row["upper"] == float("inf"):
        return f"> {number(row['lower'])}"
    if row["lower"] == 0:
        return f"< {number(row['upper'])}"
    return f"{number(row['lower'])} to {number(row['upper'])}"
