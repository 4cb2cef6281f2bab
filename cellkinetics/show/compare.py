"""Fits compared, on the terminal."""

from math import isnan
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from cellkinetics.files import json_text, records
from cellkinetics.show.console import open_console
from cellkinetics.study.findings import counted

if TYPE_CHECKING:
    import pandas as pd

    from cellkinetics.fitting.comparison import Comparison

FORMATS = {"largest_k": "{:.2f}", "subjects": "{:d}", "refits": "{:d}"}


def print_comparison(found: "Comparison", *, as_json: bool) -> None:
    """Print the table, what its columns are, and what is missing."""
    if as_json:
        content = {
            "fits": records(found.fits),
            "subjects": records(found.subjects),
            "passed": found.passed,
            "failures": list(found.failures),
        }
        typer.echo(json_text(content))
        return
    console = open_console()
    console.print(_table(found.fits))
    count = counted(int(found.fits["subjects"].iloc[0]), "subject")
    console.print(
        f"[dim]elpd: log predictive density of {count}, each left out with its own parameters"
        " integrated out; difference from the best, its SE from the subjects' differences[/]",
        soft_wrap=True,
    )
    for sentence in found.failures:
        console.print(f"  [red]FAILED[/] {escape(sentence)}", soft_wrap=True)


def _table(fits: "pd.DataFrame") -> Table:
    table = Table(box=None, pad_edge=False)
    columns = [c for c in fits if c != "incomplete"]
    for name in columns:
        table.add_column(str(name), justify="left" if fits[name].dtype == object else "right")
    for row in fits[columns].to_dict("records"):
        table.add_row(*(_cell(str(k), v) for k, v in row.items()))
    return table


def _cell(column: str, value: object) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, float) and isnan(value):
        return "-"
    return FORMATS.get(column, "{:.1f}").format(value)
