"""What the command line prints: text for people, JSON for machines."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cellkinetics.card import equations, parameter_rows
from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import Observable, State
from cellkinetics.published import reproduce
from cellkinetics.study import Finding, findings_to_json

if TYPE_CHECKING:
    from cellkinetics.fit.run import FitResult, PriorView

_COLOUR = {"error": "red", "warning": "yellow", "info": "cyan"}


def _console() -> Console:
    console = Console(highlight=False)
    # A table in a log or a pipe must not be cut to the 80 columns that rich assumes there.
    return console if console.is_terminal else Console(highlight=False, width=160)


def print_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Print findings, the worst first, and their count."""
    if as_json:
        typer.echo(findings_to_json(findings))
        return
    console = _console()
    for finding in findings:
        colour = _COLOUR[finding.severity]
        console.print(
            f"[{colour}]{finding.severity:8}[/] {escape(str(finding))} [dim]({finding.code})[/]",
            soft_wrap=True,
        )
    counts = ", ".join(
        f"{sum(f.severity == kind for f in findings)} {kind}{'' if kind == 'info' else 's'}"
        for kind in _COLOUR
    )
    console.print(counts)


def print_models(*, as_json: bool) -> None:
    """List the catalogue."""
    found = [load_model(name) for name in model_names()]
    if as_json:
        typer.echo(
            json.dumps([{"name": m.name, "title": m.title, "source": m.source} for m in found])
        )
        return
    table = Table("model", "what it is", "population", box=None, pad_edge=False)
    for model in found:
        table.add_row(model.name, model.title, model.population)
    _console().print(table)


def print_card(name: str, *, as_json: bool) -> None:
    """Print a model's card: purpose, equations, quantities, origin of every value."""
    model = load_model(name)
    lines, parameters = equations(model), parameter_rows(model)
    if as_json:
        content = {
            "name": model.name,
            "title": model.title,
            "purpose": model.purpose,
            "population": model.population,
            "source": model.source,
            "equations": [{"section": s, "left": a, "right": b} for s, a, b in lines],
            "parameters": parameters,
            "published": [asdict(entry) for entry in reproduce(model)],
        }
        typer.echo(json.dumps(content, ensure_ascii=False))
        return
    console = _console()
    console.print(f"[bold]{escape(model.name)}[/]  {escape(model.title)}")
    for label, text in (
        ("for", model.purpose),
        ("population", model.population),
        ("source", model.source),
        ("identifiable", model.identifiability),
    ):
        if text:
            console.print(f"  {label + ':':14}{escape(text)}")
    for text in model.deviations:
        console.print(f"  {'deviation:':14}{escape(text)}")
    console.print("\n[bold]Equations[/]  (t in days since the first infusion)")
    for section, left, right in lines:
        joint = " " if section in {"infusion", "switch"} else " = "
        console.print(f"  {section:9} {escape(left)}{joint}{escape(right)}", soft_wrap=True)
    console.print("\n[bold]States and readings[/]")
    quantities: tuple[State | Observable, ...] = (*model.states, *model.observables)
    for q in quantities:
        console.print(f"  {q.name}, {q.unit}: {escape(q.meaning)}")
    for i in model.inputs:
        console.print(f"  input {i.name}, {i.unit}: {escape(i.meaning)}")
    table = Table(
        *parameters[0], box=None, pad_edge=False, title="Parameters", title_justify="left"
    )
    for row in parameters:
        table.add_row(*(escape(str(v)) for v in row.values()))
    console.print()
    console.print(table)
    if model.covariates:
        console.print("\n[bold]Published covariate effects[/]")
        for c in model.covariates:
            console.print(
                f"  {escape(c.name)}: {c.value:+g} (RSE {100 * c.rse:.0f} %), {c.form};"
                f" {escape(c.source or 'ASSUMPTION: ' + c.assumption)}"
            )
    if model.residuals:
        console.print("\n[bold]Residual error[/]")
        for r in model.residuals:
            origin = r.source or f"ASSUMPTION: {r.assumption}"
            console.print(f"  {r.observable}: SD {r.sd:g} on the log scale; {escape(origin)}")
    if model.published:
        console.print("\n[bold]Published numbers[/]")
        for entry in reproduce(model):
            mark = "[green]passed[/]" if entry.passed else "[red]FAILED[/]"
            console.print(
                f"  {mark} {escape(entry.name)}: {entry.published:.10g}, here"
                f" {entry.computed:.10g}; {escape(entry.source)}"
            )


def print_priors(view: "PriorView", *, as_json: bool) -> None:
    """Print the prior's table and where its figures are."""
    if as_json:
        content = {
            "parameters": view.parameters.to_dict("records"),
            "figures": [str(f) for f in view.figures],
        }
        typer.echo(json.dumps(content, ensure_ascii=False))
        return
    console = _console()
    console.print(f"[bold]{escape(view.name)}[/]: the prior, before any data")
    _print_table(console, view.parameters, ["parameter", "unit", "median", "q05", "q95", "source"])
    console.print("[dim]median and 90 % equal-tailed interval[/]")
    for figure in view.figures:
        console.print(f"curves against the data: {figure}")


def print_result(result: "FitResult", *, as_json: bool) -> None:
    """Print what a fit found, whether its checks passed, and where the files are."""
    if as_json:
        typer.echo(
            json.dumps(
                {"folder": str(result.folder), **result.summary}, ensure_ascii=False, default=str
            )
        )
        return
    console, summary = _console(), result.summary
    simulated = " [yellow](SIMULATED data)[/]" if summary["simulated"] else ""
    console.print(
        f"\n[bold]{escape(summary['study'])}[/]{simulated}"
        f" with [bold]{escape(summary['model'])}[/],"
        f" {summary['subjects']} subjects"
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
    _print_table(
        console,
        result.parameters,
        [
            "parameter",
            "unit",
            "median",
            "q05",
            "q95",
            "r_hat",
            "ess_bulk",
            "ess_tail",
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


def _print_table(console: Console, frame: pd.DataFrame, columns: list[str]) -> None:
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
