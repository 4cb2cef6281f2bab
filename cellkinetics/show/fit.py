"""What a fit believes before and after it has seen the data, on the terminal."""

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from cellkinetics.files import json_text
from cellkinetics.show.console import open_console, print_table
from cellkinetics.study.findings import counted

if TYPE_CHECKING:
    from cellkinetics.fitting.run import FitResult, PriorView


def print_priors(view: "PriorView", *, as_json: bool) -> None:
    """Print the prior's table and where its figures are."""
    if as_json:
        content = {
            "parameters": view.parameters.to_dict("records"),
            "figures": [str(f) for f in view.figures],
        }
        typer.echo(json_text(content))
        return
    console = open_console()
    console.print(f"[bold]{escape(view.name)}[/]: the prior, before any data")
    print_table(console, view.parameters, ["parameter", "unit", "median", "q05", "q95", "source"])
    console.print("[dim]median and 90 % equal-tailed interval[/]")
    for figure in view.figures:
        console.print(f"curves against the data: {figure}")


def print_result(result: "FitResult", *, as_json: bool) -> None:
    """Print what a fit found, whether its checks passed, and where the files are."""
    if as_json:
        typer.echo(json_text({"folder": str(result.folder), **result.summary}))
        return
    console, summary = open_console(), result.summary
    simulated = " [yellow](SIMULATED data)[/]" if summary["simulated"] else ""
    console.print(
        f"\n[bold]{escape(summary['study'])}[/]{simulated}"
        f" with [bold]{escape(summary['model'])}[/],"
        f" {counted(summary['subjects'], 'subject')}"
    )
    if result.approximate:
        console.print(
            "[bold yellow]APPROXIMATE[/]: a quick answer, by importance sampling from the mode;"
            " the posterior was not sampled",
            soft_wrap=True,
        )
    for a in summary["analytes"]:
        console.print(
            f"  {escape(a['analyte'])}: {a['rows']} rows, {a['below_limit']} below the limit;"
            f" {a['error']} error; {escape(a['link'])}",
            soft_wrap=True,
        )
    for row in summary["left_out"]:
        console.print(
            f"  left out: {row['rows']} of {escape(row['analyte'])}, {escape(row['reason'])}"
        )
    print_table(
        console,
        result.parameters,
        [
            *("parameter", "unit", "median", "q05", "q95"),
            *(("mcse",) if result.approximate else ("r_hat", "ess_bulk", "ess_tail")),
            "contraction",
        ],
    )
    console.print(
        "[dim]median and 90 % equal-tailed interval; contraction 1 - Var(posterior)/Var(prior):"
        " near 0 the data say nothing[/]"
    )
    for check in summary["checks"]["checks"]:
        mark = "[green]passed[/]" if check["passed"] else "[red]FAILED[/]"
        console.print(f"  {mark} {escape(check['sentence'])}", soft_wrap=True)
    console.print(f"{result.folder}  ({summary['seconds']['total']:.1f} s)")
