"""The catalogue and a model's card, on the terminal."""

from collections.abc import Mapping
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from cellkinetics.card import characteristic_rows, equations, parameter_rows
from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import Example, Model, Observable, PatientClass, State
from cellkinetics.files import json_text
from cellkinetics.published import reproduce
from cellkinetics.show.console import open_console


def print_models(*, as_json: bool) -> None:
    """List the catalogue."""
    found = [load_model(name) for name in model_names()]
    if as_json:
        typer.echo(
            json_text([{"name": m.name, "title": m.title, "source": m.source} for m in found])
        )
        return
    table = Table("model", "what it is", "population", box=None, pad_edge=False)
    for model in found:
        table.add_row(model.name, model.title, model.population)
    open_console().print(table)


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
            "identifiability": model.identifiability,
            "deviations": model.deviations,
            "states": [asdict(q) for q in model.states],
            "observables": [asdict(q) for q in model.observables],
            "inputs": [asdict(q) for q in model.inputs],
            "equations": [{"section": s, "left": a, "right": b} for s, a, b in lines],
            "parameters": parameters,
            "characteristics": characteristic_rows(model),
            "covariates": [{"name": q.name, **asdict(q)} for q in model.covariates],
            "residuals": [asdict(q) for q in model.residuals],
            "doses": model.doses,
            "reference_dosing": model.reference_dosing,
            "horizon": model.horizon,
            "stiff": model.stiff,
            "classes": [asdict(q) for q in model.classes],
            "examples": [asdict(q) for q in model.examples],
            "published": [asdict(entry) for entry in reproduce(model)],
        }
        typer.echo(json_text(content))
        return
    console = open_console()
    console.print(f"[bold]{escape(model.name)}[/]  {escape(model.title)}")
    for label, text in (
        ("for", model.purpose),
        ("population", model.population),
        ("source", model.source),
        ("meant for", _meant_for(model)),
        ("dies out", _dies_out(model)),
        ("solved", "implicitly: its equations are stiff" if model.stiff else ""),
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
    if model.classes:
        console.print("\n[bold]Classes of patients[/]")
        for kind in model.classes:
            console.print(
                f"  {escape(kind.name)}, {100 * kind.probability:.3g} %: {escape(kind.meaning)};"
                f" {_values(kind.typical)}; {_origin(kind)}"
            )
    if model.examples:
        console.print("\n[bold]Examples[/]  (simulate with --example NAME)")
        for example in model.examples:
            dosing = "; ".join(
                f"{cells:g} cells on day {day:g}" for day, cells in example.dosing or ()
            )
            console.print(
                f"  {escape(example.name)}: {escape(example.meaning)};"
                f" {_values(example.values)}; {dosing + '; ' if dosing else ''}{_origin(example)}"
            )
    if model.characteristics:
        console.print("\n[bold]What follows from the typical values[/]")
        for fact in characteristic_rows(model):
            console.print(
                f"  {fact['characteristic']} = {fact['value']:.4g} {escape(fact['unit'])}:"
                f" {escape(fact['meaning'])}; {escape(fact['origin'])}"
            )
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


def _meant_for(model: Model) -> str:
    """Range of days and of doses that a model states for itself."""
    days = f"days 0 to {model.horizon:g}"
    if model.doses is not None:
        return f"{days}, total doses of {model.doses[0]:.3g} to {model.doses[1]:.3g} cells"
    return days if model.infuse is not None else f"{days}; dose does nothing in its equations"


def _dies_out(model: Model) -> str:
    if model.stochastic is None:
        return ""
    return (
        f"{model.stochastic.state}, counted one by one below {model.stochastic.threshold:g} cells"
    )


def _values(values: Mapping[str, float]) -> str:
    return escape(", ".join(f"{name} = {value:g}" for name, value in values.items()))


def _origin(item: Example | PatientClass) -> str:
    return escape(item.source or f"ASSUMPTION: {item.assumption}")
