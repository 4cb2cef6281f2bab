"""Where printing starts: the console, and a plain table."""

from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def open_console() -> Console:
    """Return a console that never cuts a table that goes to a file or a pipe."""
    console = Console(highlight=False)
    # A table in a log or a pipe must not be cut to the 80 columns that rich assumes there.
    return console if console.is_terminal else Console(highlight=False, width=160)


def print_table(console: Console, frame: pd.DataFrame, columns: list[str]) -> None:
    """Print some columns of a table, numbers to the right."""
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if frame[name].dtype == object else "right")
    for row in frame[columns].to_dict("records"):
        table.add_row(*(_cell(str(k), v) for k, v in row.items()))
    console.print(table)


def _cell(column: str, value: Any) -> str:
    if isinstance(value, str):
        return escape(value)
    if column.startswith("ess"):
        return f"{value:.0f}"
    if column == "r_hat":
        return f"{value:.3f}"
    return f"{value:.2f}" if column == "contraction" else f"{value:.4g}"
