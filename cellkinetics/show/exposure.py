"""Exposure on the terminal: a table that fits a screen, its marks explained below it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import typer
from rich.markup import escape
from rich.table import Table

from cellkinetics.exposure.of_area import window_name
from cellkinetics.exposure.rules import WINDOWS
from cellkinetics.exposure.summary import summarise
from cellkinetics.files import json_text, records
from cellkinetics.show.console import open_console

if TYPE_CHECKING:
    from cellkinetics.exposure import NcaResult

_USUAL_WINDOW = (0.0, 28.0)
_MOST_WINDOWS = 4
_MOST_ROWS = 60
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def print_nca(
    result: "NcaResult",
    *,
    by: str | Mapping[str, str] | None = None,
    files: list[Path],
    as_json: bool,
) -> None:
    """Print every subject's main metrics, their summary, and the rules."""
    summary = summarise(result, by=by)
    if as_json:
        content = {
            "study": result.study,
            "simulated": result.simulated,
            "rules": result.definition.splitlines(),
            "notes": list(result.notes),
            "subjects": records(result.long),
            "summary": records(summary),
            "left_out": records(result.left_out),
            "files": [str(f) for f in files],
        }
        typer.echo(json_text(content))
        return
    console = open_console()
    simulated = " [yellow](SIMULATED data)[/]" if result.simulated else ""
    console.print(f"\n[bold]{escape(result.study)}[/]{simulated}: exposure, without a model")
    columns = _columns(result)
    for (analyte, specimen), rows in result.long.groupby(["analyte", "specimen"], sort=False):
        unit = next(iter(rows.loc[rows["metric"] == "Cmax", "unit"]), "")
        place = f" in {specimen}" if specimen else ""
        title = f"{analyte}{place}" + (f", {unit}" if unit else "")
        console.print(f"\n[bold]{escape(title)}[/]; times in days, areas in days x {escape(unit)}")
        of = (summary["analyte"] == analyte) & (summary["specimen"] == specimen)
        table, marks = _table(rows, summary[of], columns)
        console.print(table)
        for letter, text in marks.items():
            console.print(f"  [dim]{letter}  {escape(text)}[/]", soft_wrap=True)
    console.print()
    for note in result.notes:
        console.print(escape(note), soft_wrap=True)
    for line in result.definition.splitlines():
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
    for file in files:
        console.print(escape(str(file)), soft_wrap=True)


def _columns(result: "NcaResult") -> list[str]:
    """Metrics of the screen's table; the files have all."""
    asked = [_USUAL_WINDOW] if result.windows == WINDOWS else list(result.windows[:_MOST_WINDOWS])
    wanted = [
        "Cmax",
        "Tmax",
        *(window_name(a, b, "day") for a, b in asked),
        "AUClast",
        "doubling_time",
        "contraction_half_life",
        "half_life",
        "persistence",
        *(m for m in result.metrics if m.startswith(("AUC_before_", "AUC_after_"))),
    ]
    return [name for name in wanted if name in result.metrics]


def _table(
    rows: pd.DataFrame, summary: pd.DataFrame, columns: list[str]
) -> tuple[Table, dict[str, str]]:
    """A row a subject, then the summary; letters mark what a value must be read with."""
    table = Table(box=None, pad_edge=False)
    table.add_column("subject", justify="left", no_wrap=True)
    for name in columns:
        table.add_column(escape(name.replace("_", " ")), justify="right")
    letters: dict[str, str] = {}
    every = list(dict.fromkeys(rows["subject"]))
    shown = rows[rows["metric"].isin(columns) & rows["subject"].isin(every[:_MOST_ROWS])]
    for subject, own in shown.groupby("subject", sort=False):
        by_name = {row["metric"]: row for row in own.to_dict("records")}
        table.add_row(escape(str(subject)), *(_cell(by_name[name], letters) for name in columns))
    if len(every) > _MOST_ROWS:
        table.add_row(f"... and {len(every) - _MOST_ROWS} more, in the files of --out")
    several = summary["group"].nunique() > 1
    for group, part in summary.groupby("group", sort=False):
        lines = part.set_index("metric").reindex(columns)
        of = f", {group}" if several else ""
        cells = lines.to_dict("records")
        table.add_section()
        table.add_row(
            escape(f"n of {int(part['subjects'].max())}{of}"), *(f"{x['n']:.0f}  " for x in cells)
        )
        for label, show in _SUMMARY.items():
            table.add_row(escape(f"{label}{of}"), *(f"{show(line)}  " for line in cells))
    return table, {letter: text for text, letter in letters.items()}


def _cell(row: Mapping[Any, Any], letters: dict[str, str]) -> str:
    mark = ""
    if row["reason"]:
        turns, at = divmod(len(letters), len(_LETTERS))
        free = _LETTERS[at] * (turns + 1)
        letter = letters.setdefault(f"{row['flag']}: {row['reason']}", free)
        mark = f" [dim]{letter}[/]"
    return ("-" if pd.isna(row["value"]) else _number(row["value"])) + (mark or "  ")


def _number(value: float) -> str:
    if pd.isna(value):
        return ""
    if value == float("inf"):
        return "not reached"
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


_SUMMARY: dict[str, Callable[[Mapping[Any, Any]], str]] = {
    "geometric mean": lambda line: _number(line["geo_mean"]),
    "geometric CV, %": lambda line: _number(line["geo_cv_pct"]),
    "median": lambda line: _number(line["median"]),
    "lowest": lambda line: _number(line["min"]),
    "highest": lambda line: _number(line["max"]),
}
