"""The tables of the endpoints on the terminal, one for each part."""

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from cellkinetics.show.cells import (
    Row,
    aside,
    bounded,
    cell,
    counts,
    interval,
    make_table,
    number,
)

if TYPE_CHECKING:
    from cellkinetics.endpoints import Endpoints
    from cellkinetics.outcome.answer import Answer

RECOVERY = "recovery of "
MEDIAN = ", day"  # ends the name of a median time
_IF_ANY = re.compile("best response ")  # printed where somebody had it
_MONTHS = (3, 6, 12)
_BY_MONTH = tuple(f"{months} months, %" for months in _MONTHS)
_EXPOSURE = (
    "Cmax", "Tmax", "AUC0-28d", "AUClast", "doubling_time", "contraction_half_life", "half_life",
    "persistence",
)  # fmt: skip
_FOLD = "geometric mean fold change, "


def title(console: Console, answer: "Answer") -> None:
    """Print a part's heading."""
    console.print(f"\n[bold]{escape(answer.title)}[/]")


def rates(console: Console, answer: "Answer", *, but: tuple[str, ...] = ()) -> None:
    """Rates, one line each: of the three intervals the exact one, and P(rate > target).

    A rate of the evaluated is left out where they are all treated, as is a best response that
    nobody had; the files have them.
    """
    title(console, answer)
    rows = [r for r in answer.numbers.to_dict("records") if not r["quantity"].startswith(but)]
    above = [r for r in rows if r["quantity"].startswith("P(")]
    table = make_table(
        "", "n", "events", "estimate", "interval", "unit", "posterior", "method", left=(0, 5, 6, 7)
    )
    seen: dict[str, tuple[str, str]] = {}
    nobody: dict[str, list[str]] = {}
    for row in rows:
        name = row["quantity"]
        other = row["method"] == "Jeffreys" or "posterior" in row["method"]
        if name in seen or row in above or (other and pd.notna(row["estimate"])):
            continue
        seen[name] = counts(row)
        twin = name.replace("(of evaluated)", "(of all treated)")
        if twin != name and any(r["quantity"] == twin and counts(r) == seen[name] for r in rows):
            continue
        if _IF_ANY.match(name) and not row["events"]:
            continue
        if row["n"] == 0:
            nobody.setdefault(row["note"], []).append(name)
            continue
        rate = row["unit"] == "" and row["method"] != "median and range"
        scale = 100 if rate else 1
        higher = [r for r in above if r["quantity"].startswith(f"P({name} > ")]
        table.add_row(
            escape(name),
            *seen[name],
            number(row["estimate"], scale),
            interval(row, scale),
            "%" if rate else escape(row["unit"]),
            escape(_exceeds(higher[0])) if higher else "",
            escape(row["method"].split(",")[0]),
        )
    if table.rows:
        console.print(table)
    priors = dict.fromkeys(row["method"] for row in above)
    if table.rows and priors:
        aside(console, f"P(rate > ...): {'; '.join(priors)}.")
    for why, names in nobody.items():
        aside(console, f"- {_joined(names)}: {why}")


def _joined(names: list[str]) -> str:
    """Name a few rows of a table."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _exceeds(row: Row) -> str:
    target = float(row["quantity"].rsplit(" > ", 1)[1].removesuffix(")"))
    return f"P(rate > {100 * target:g} %) = {row['estimate']:.2f}"


def recovery(console: Console, answer: "Answer") -> None:
    """Recovery of counts: a row a threshold, a column a day."""
    rows = [r for r in answer.numbers.to_dict("records") if r["quantity"].startswith(RECOVERY)]
    by_name: dict[str, dict[str, Row]] = {}
    for row in rows:
        name, found, day = row["quantity"].removesuffix(MEDIAN).partition(" by day ")
        rest = MEDIAN if row["quantity"].endswith(MEDIAN) else found + day
        by_name.setdefault(name, {})[rest] = row
    days = dict.fromkeys(rest for own in by_name.values() for rest in own if rest.startswith(" by"))
    if not any(row["n"] for row in rows):
        aside(console, "- recovery of counts: nobody at risk, or no counts")
        return
    table = make_table(
        "recovery (10^9/L)", "n", "events", *(f"{day[1:]}, %" for day in days), "median day"
    )
    for name, own in by_name.items():
        table.add_row(
            escape(name.removeprefix(RECOVERY)),
            *counts(next(iter(own.values()))),
            *(cell(own.get(day), scale=100) for day in days),
            cell(own.get(MEDIAN)),
        )
    console.print()
    console.print(table)
    aside(
        console,
        "n: at risk (nadir below the threshold). Cumulative incidence, Aalen-Johansen: death and "
        "transplant compete. Median day of those who recovered, with its range.",
    )


def survival(console: Console, found: "Endpoints") -> None:
    """Kaplan-Meier estimates of the times to events."""
    console.print("\n[bold]Time to event[/]")
    table = make_table("", "n", "events", "median, days", *_BY_MONTH, "mean, days")
    missing: dict[str, list[str]] = {}
    for name in ("efs", "os", "dor", "rfs", "relapse"):
        answer = found.answers[name]
        if not answer.numbers["n"].any():
            missing.setdefault(answer.numbers["note"].iloc[0], []).append(answer.title)
            continue
        rows = [r for r in answer.numbers.to_dict("records") if "posterior" not in r["method"]]
        by = {_kind(r["quantity"]): r for r in rows}
        table.add_row(
            escape(answer.title),
            *counts(rows[0]),
            cell(by.get("median"), "not reached"),
            *(cell(by.get(f"{months} months"), scale=100) for months in _MONTHS),
            cell(by.get("mean")),
        )
    for why, names in missing.items():
        aside(console, f"- {', '.join(names)}: {why}")
    if not table.rows:
        return
    console.print(table)
    aside(
        console,
        f"Kaplan-Meier, Greenwood, {found.options.conf_type} intervals, inverted for the median; "
        "mean: restricted to the last follow-up; relapse: cumulative incidence, Aalen-Johansen, "
        "death competes.",
    )
    aside(
        console,
        "3, 6, 12 months: day 91.25, 182.5, 365 from the endpoint's own start; -: nobody was "
        "followed so long; no interval: before the first event, or after all have had it.",
    )


def posteriors(console: Console, found: "Endpoints") -> None:
    """Parametric posteriors of the times to events."""
    table = make_table("", "n", "events", "model", "median, days", *_BY_MONTH, left=(0, 3))
    methods: dict[str, None] = {}
    for name in ("efs", "os", "dor", "rfs"):
        rows = found.answers[name].numbers
        rows = rows[rows["method"].str.contains("posterior")]
        for method, part in rows.groupby("method", sort=False):
            methods[str(method)] = None
            by: dict[str, Row] = {_kind(r["quantity"]): r for r in part.to_dict("records")}
            model, _, how = str(method).partition(" posterior, ")
            table.add_row(
                escape(name.upper()),
                *counts(part.iloc[0].to_dict()),
                escape(f"{model}, {how.split(';')[0].split(',')[0]}"),
                cell(by.get("median")),
                *(cell(by.get(f"{months} months"), scale=100) for months in _MONTHS),
            )
    if not methods:
        return
    console.print("\n[bold]Time to event, parametric posteriors[/] (equal-tailed intervals)")
    console.print(table)
    aside(console, "*: past the last follow-up, or an interval that reaches past it.")
    for method in methods:
        aside(console, method)


def exposure(console: Console, answer: "Answer") -> None:
    """Exposure by analyte and specimen."""
    title(console, answer)
    places: dict[str, dict[str, Row]] = {}
    every: list[Row] = list(answer.numbers.to_dict("records"))
    for row in every:
        place, _, metric = row["quantity"].split(",")[0].rpartition(" ")
        if place and metric in _EXPOSURE:
            places.setdefault(place, {})[metric] = row
    for place, found in places.items():
        table = make_table(place, "n", "estimate", "interval", "unit", "", left=(0, 4, 5))
        for row in filter(None, map(found.get, _EXPOSURE)):
            what = row["quantity"].removeprefix(f"{place} ")
            what += " (Kaplan-Meier)" if row["method"].startswith("Kaplan") else ""
            table.add_row(
                escape(what), counts(row)[0], number(row["estimate"]), interval(row),
                escape(row["unit"]), escape(row["note"]),
            )  # fmt: skip
        console.print(table)
    if not places:
        aside(console, answer.definition)
    else:
        aside(
            console,
            "Intervals: of a geometric mean by t on the logs, of a Kaplan-Meier median by log-log; "
            "range: of the subjects.",
        )


def cytokines(console: Console, answer: "Answer") -> None:
    """Peaks and fold changes by analyte."""
    title(console, answer)
    rows = answer.numbers
    names = dict.fromkeys(q for q in rows["quantity"] if q.startswith(_FOLD))
    days = _few([name.removeprefix(_FOLD) for name in names])
    peaks = rows[rows["quantity"] == "median peak"]
    if peaks.empty:
        aside(console, "; ".join(answer.notes) or "no cytokine")
        return
    table = make_table("analyte", "n", "median peak", "unit", "median fold", *days, left=(0, 3))
    for analyte, part in rows.groupby("group", sort=False):
        by = {r["quantity"]: r for r in part.to_dict("records")}
        peak: dict[Any, Any] = by.get("median peak", {})
        table.add_row(
            escape(str(analyte)),
            counts(peak)[0] if peak else "",
            bounded(peak),
            escape(str(peak.get("unit", ""))),
            bounded(by.get("median peak fold change", {})),
            *(_fold(by.get(f"{_FOLD}{day}")) for day in days),
        )
    console.print(table)
    aside(
        console,
        "n: subjects with a peak; median fold: peak over baseline. day N: geometric mean fold "
        "change from before the infusion, mixed model of log levels that carries the limits; all "
        "visits are in cytokine_summary.csv. >, < and to: limits hide the number; -: too many "
        "readings beyond limits, or too few readings.",
    )


def stopping(console: Console, answer: "Answer") -> None:
    """Say what the rule for dose-limiting toxicities found."""
    for row in answer.numbers.to_dict("records"):
        if row["quantity"].startswith("P(DLT"):
            aside(console, f"DLT: {row['note']}.")


def _kind(quantity: str) -> str:
    """Say which column of the survival table a quantity belongs to."""
    for months in _MONTHS:
        if f"({months} months" in quantity:
            return f"{months} months"
    return "mean" if quantity.startswith("restricted mean") else quantity


def _few(days: list[str], most: int = 4) -> list[str]:
    """Take a few visits, evenly."""
    if len(days) <= most:
        return days
    return [days[round(i * (len(days) - 1) / (most - 1))] for i in range(most)]


def _fold(row: Row | None) -> str:
    return f"{cell(row)} n={int(row['n'])}" if row else ""
