"""What a simulation came to, on the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape

from cellkinetics.files import json_text, records
from cellkinetics.show.console import open_console, print_table
from cellkinetics.simulation.folder import Simulated, title_of, warnings_of
from cellkinetics.simulation.run import Simulation
from cellkinetics.study.findings import counted


def print_simulation(found: Simulated, notes: list[str], *, as_json: bool) -> None:
    """Print peaks and exposure, what was assumed, what failed, and where the files are."""
    if as_json:
        tables = {"peaks": records(found.peaks), "exposure": records(found.exposure)}
        typer.echo(
            json_text({**asked_of(found.groups, notes, found.failures, found.files), **tables})
        )
        return
    console = open_console()
    print_asked(console, found.groups, notes, found.failures)
    asked = found.groups[0]
    several = len(found.groups) > 1
    console.print()
    if not several:
        _print(console, found.peaks, ["quantity", "measure", "unit"], drawn=asked.patients.drawn)
        console.print()
    # Of the first observable, the cells; the others' is in the file.
    first = found.exposure[found.exposure["quantity"] == found.peaks["quantity"].iloc[0]]
    if not first.empty:
        table = first.rename(columns={"lower": "p05", "median": "p50", "upper": "p95"})
        keys = [f"dose, {asked.dose_unit}"] if several else []
        table = table.rename(columns={"dose": f"dose, {asked.dose_unit}"})
        if several:
            order = {name: i for i, name in enumerate(dict.fromkeys(table["metric"]))}
            table = table.sort_values(
                ["metric", keys[0]], key=lambda c: c.map(order) if c.name == "metric" else c
            )
        shown = ["quantity", "metric", *keys, "unit"]
        _print(console, table, shown, drawn=asked.patients.drawn, more=["remark"])
        console.print()
    print_files(console, found.files)


def asked_of(
    groups: Sequence[Simulation], notes: list[str], failures: Any, files: Sequence[Path]
) -> dict[str, Any]:
    """What every simulation says of itself as JSON."""
    asked = groups[0]
    return {
        "model": asked.model.name,
        "origin": asked.origin or "the model as published",
        "subject": asked.subject,
        "subjects": len(asked),
        "infusions": [{"day": day, "cells": n} for day, n in asked.infusions]
        if len(groups) == 1
        else None,
        "doses": [{"dose": group.dose, "unit": group.dose_unit} for group in groups]
        if len(groups) > 1
        else None,
        "warnings": warnings_of(groups),
        "notes": [*notes, *asked.patients.notes],
        "failures": dict(failures),
        "files": [str(path) for path in files],
    }


def print_asked(
    console: Console,
    groups: Sequence[Simulation],
    notes: list[str],
    failures: Any,
    *,
    what: str = "patient",
) -> None:
    """Print what was simulated, how it was read, where it leaves a range, and what failed."""
    console.print(f"[bold]{escape(title_of(groups))}[/]", soft_wrap=True)
    for note in (*notes, *groups[0].patients.notes):
        console.print(f"  note:    {escape(note)}", soft_wrap=True)
    for sentence in warnings_of(groups):
        console.print(f"  [yellow]warning:[/] {escape(sentence)}", soft_wrap=True)
    for reason, count in failures.items():
        console.print(
            f"  [red]failed:[/]  {counted(count, what)}: {escape(reason)}; no values, and not"
            " in the quantiles",
            soft_wrap=True,
        )


def print_files(console: Console, files: Sequence[Path]) -> None:
    """Print where the files are, one a line."""
    for path in files:
        console.print(escape(str(path)), soft_wrap=True)


def _print(
    console: Console, table: pd.DataFrame, keys: list[str], *, drawn: bool, more: Sequence[str] = ()
) -> None:
    """Quantiles over patients, or the value of the typical one alone."""
    if drawn:
        print_table(console, table, [*keys, "n", "p05", "p50", "p95", *more])
    else:
        one = table.drop(columns=["p05", "p95"]).rename(columns={"p50": "value"})
        print_table(console, one, [*keys, "value", *more])
