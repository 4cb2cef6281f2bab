"""Endpoints on the terminal: every number with its n, its interval and how it was computed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape

from cellkinetics.endpoints.text import censoring, content
from cellkinetics.files import json_text
from cellkinetics.outcome.answer import LEVEL
from cellkinetics.show import endpoint_tables as tables
from cellkinetics.show.cells import aside, interval, make_table, number, say
from cellkinetics.show.console import open_console
from cellkinetics.study.findings import counted

if TYPE_CHECKING:
    from cellkinetics.endpoints import Endpoints

_MOST_SUBJECTS = 40
_LONGEST = 300  # characters of a note


def print_endpoints(found: "Endpoints", files: list[Path], *, as_json: bool) -> None:
    """Print what a clinician asks for first; the files have the rest.

    Parameters
    ----------
    found : Endpoints
    files : list of Path            what was written
    as_json : bool
    """
    if as_json:
        typer.echo(json_text({**content(found), "files": [str(file) for file in files]}))
        return
    console = open_console()
    _head(console, found)
    _subjects(console, found)
    tables.rates(console, found.answers["response"])
    tables.rates(console, found.answers["mrd"])
    tables.survival(console, found)
    tables.posteriors(console, found)
    safety = found.answers["safety"]
    tables.rates(console, safety, but=(tables.RECOVERY,))
    tables.stopping(console, safety)
    tables.recovery(console, safety)
    tables.exposure(console, found.answers["exposure"])
    tables.cytokines(console, found.answers["cytokine"])
    _foot(console, found, files)


def _head(console: Console, found: "Endpoints") -> None:
    study, options = found.study, found.options
    simulated = " [yellow](SIMULATED data)[/]" if study.simulated else ""
    console.print(f"\n[bold]{escape(study.name)}[/]{simulated}: endpoints")
    say(console, f"from {escape(str(study.path))}")
    follow = found.answers["follow_up"].numbers.iloc[0].to_dict()
    median = number(follow["estimate"]) if pd.notna(follow["estimate"]) else "not reached"
    how = f"{median} {interval(follow)} (n = {follow['n']}, reverse Kaplan-Meier)"
    cut = "none" if options.cutoff is None else f"day {options.cutoff:g}"
    say(
        console,
        f"{counted(len(found.subjects), 'treated subject')}. Median follow-up, days: "
        f"{how if follow['n'] else 'not known'}. Data cut: {cut}; horizon: day "
        f"{study.settings.horizon:g}.",
    )
    say(
        console,
        f"Rules: EFS {options.efs}, DOR {options.dor}, {study.settings.response.criteria}"
        f"{censoring(options)}. "
        f"Intervals in brackets: {100 * LEVEL:g} %, pointwise. Day 0 is the infusion.",
    )


def _subjects(console: Console, found: "Endpoints") -> None:
    """A row a subject: response, MRD, times to events, toxicity."""
    if len(found.subjects) > _MOST_SUBJECTS:
        say(console, f"\nSubjects: {len(found.subjects)}, in the files NAME_subjects.csv.")
        return
    rows = {
        name: answer.subjects.drop_duplicates("subject").set_index("subject").to_dict("index")
        for name, answer in found.answers.items()
    }
    columns = ("subject", "best response", "MRD negative", "EFS", "DOR", "OS", "CRS", "ICANS")
    table = make_table(*columns, left=tuple(range(len(columns))))
    for subject in found.subjects:
        own: dict[str, Mapping[Any, Any]] = {n: of.get(subject, {}) for n, of in rows.items()}
        table.add_row(
            escape(subject),
            _best(own["response"]),
            _first_negative(own["mrd"]),
            *(_time(own[name]) for name in ("efs", "dor", "os")),
            *(_grade(own["safety"], name) for name in ("crs", "icans")),
        )
    console.print()
    console.print(table)
    aside(
        console,
        "EFS, DOR, OS: days from their own start; + censored, else the event; - does not count. "
        "CRS, ICANS: worst grade and its scale.",
    )


def _foot(console: Console, found: "Endpoints", files: list[Path]) -> None:
    console.print("\n[bold]Notes[/]")
    for name, answer in found.answers.items():
        for note in answer.notes:
            say(console, escape(_shortened(f"{name}: {note}")))
    if len(found.late):
        say(
            console,
            f"{counted(len(found.late), 'row')} after the data cut, not used: after_the_cut.csv.",
        )
    if len(found.reported):
        differ = int((~found.reported["agrees"].astype(bool)).sum())
        say(
            console,
            f"Times to events stated by the study's own ADTTE: {len(found.reported)}; different "
            f"from ours: {differ} (reported.csv).",
        )
    if found.warnings:
        say(
            console,
            f"{counted(len(found.warnings), 'warning')} about the tables: "
            "cellkinetics check lists them.",
        )
    for check in found.checks:
        if not check.passed:
            say(console, f"[red]CHECK FAILED[/] {escape(check.name)}: {escape(check.detail)}")
    passed = sum(check.passed for check in found.checks)
    say(console, f"Own checks: {passed} of {len(found.checks)} hold.")
    if files:
        say(
            console,
            f"{counted(len(files), 'file')} in {escape(str(files[0].parent))} "
            "(definitions.txt: the rules; endpoints.json: all numbers)",
        )


def _shortened(text: str) -> str:
    """Cut a list of subjects that would fill the screen."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST].rsplit(' ', 1)[0]} ... (whole in definitions.txt)"


def _best(row: Mapping[Any, Any]) -> str:
    if "best_response" not in row:
        return "-"
    day = row["best_response_day"]
    return escape(str(row["best_response"])) + ("" if pd.isna(day) else f" (day {day:g})")


def _first_negative(row: Mapping[Any, Any]) -> str:
    if not row.get("evaluated"):
        return "not evaluated"
    return f"day {row['first_negative_day']:g}" if row["mrd_negative"] else "positive"


def _time(row: Mapping[Any, Any]) -> str:
    if "time" not in row or pd.isna(row["time"]):
        return "-"
    if not row["event"]:
        return f"{row['time']:g}+"
    return escape(f"{row['time']:g} {str(row['what']).replace('_', ' ')}")


def _grade(row: Mapping[Any, Any], name: str) -> str:
    if f"{name}_grade" not in row:
        return "-"
    grade, scale = row[f"{name}_grade"], row[f"{name}_scale"]
    if pd.isna(grade):
        return "grade not known"
    return f"{grade:g}" + ("" if pd.isna(scale) else escape(f" {scale}"))
