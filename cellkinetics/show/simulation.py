"""What a simulation came to, on the terminal."""

import typer
from rich.markup import escape

from cellkinetics.files import json_text
from cellkinetics.show.console import open_console, print_table
from cellkinetics.simulation.folder import Simulated, title_of
from cellkinetics.study.findings import counted


def print_simulation(found: Simulated, notes: list[str], *, as_json: bool) -> None:
    """Print peaks and last levels, what was assumed, what failed, and where the files are."""
    asked = found.asked
    if as_json:
        typer.echo(
            json_text(
                {
                    "model": asked.model.name,
                    "subjects": len(asked),
                    "infusions": [{"day": day, "cells": n} for day, n in asked.infusions],
                    "warnings": list(asked.warnings),
                    "notes": [*notes, *asked.patients.notes],
                    "failures": dict(found.failures),
                    "peaks": found.peaks.to_dict("records"),
                    "files": [str(path) for path in found.files],
                }
            )
        )
        return
    console = open_console()
    console.print(f"[bold]{escape(title_of(asked))}[/]", soft_wrap=True)
    for note in (*notes, *asked.patients.notes):
        console.print(f"  note:    {escape(note)}", soft_wrap=True)
    for sentence in asked.warnings:
        console.print(f"  [yellow]warning:[/] {escape(sentence)}", soft_wrap=True)
    for reason, count in found.failures.items():
        console.print(
            f"  [red]failed:[/]  {counted(count, 'patient')}: {escape(reason)}; no values, and not"
            " in the quantiles",
            soft_wrap=True,
        )
    shown = found.peaks
    if not asked.patients.drawn:
        shown = shown.drop(columns=["p05", "p95"]).rename(columns={"p50": "value"})
        columns = ["quantity", "measure", "unit", "value"]
    else:
        columns = ["quantity", "measure", "unit", "n", "p05", "p50", "p95"]
    console.print()
    print_table(console, shown, columns)
    console.print()
    for path in found.files:
        console.print(escape(str(path)), soft_wrap=True)
