"""What a hybrid simulation came to, on the terminal."""

import typer
from rich.markup import escape

from cellkinetics.files import json_text, records
from cellkinetics.show.console import open_console, print_table
from cellkinetics.show.simulation import asked_of, print_asked, print_files
from cellkinetics.simulation.cure import LEVEL
from cellkinetics.simulation.hybrid_folder import DAYS, HybridSimulated
from cellkinetics.study.findings import counted


def print_hybrid(found: HybridSimulated, notes: list[str], *, as_json: bool) -> None:
    """Print the probability of cure with its interval, responses, and where the files are."""
    if as_json:
        own = {
            "runs": found.runs,
            "cure": records(found.cure),
            "responses": records(found.responses),
        }
        typer.echo(json_text({**asked_of(found.groups, notes, found.failures, found.files), **own}))
        return
    console = open_console()
    print_asked(console, found.groups, notes, found.failures, what="run")
    of_each = counted(found.runs, "run") + (" each" if len(found.groups[0]) > 1 else "")
    last = found.cure[found.cure["day"] == found.cure["day"].max()]
    unit = found.groups[0].dose_unit
    console.print()
    for row in last.to_dict("records"):
        dose = f"{row['dose']:.4g} {unit}: " if "dose" in row else ""
        console.print(
            f"{escape(dose)}probability of cure by day {row['day']:g}:"
            f" [bold]{row['probability']:.3g}[/] ({LEVEL:.0%} interval {row['lower']:.3g} to"
            f" {row['upper']:.3g}; {row['cured']} of {counted(int(row['n']), 'run')},"
            f" {counted(int(row['patients']), 'patient')}, {of_each})",
            soft_wrap=True,
        )
    console.print()
    keys = [f"dose, {unit}"] if "dose" in found.cure else []
    named = {"dose": f"dose, {unit}"}
    print_table(console, found.responses.rename(columns=named), [*keys, "response", "runs"])
    console.print()
    at = found.cure[found.cure["day"].isin([*DAYS, last["day"].iloc[0]])].rename(columns=named)
    print_table(console, at, [*keys, "day", "probability", "lower", "upper"])
    console.print()
    print_files(console, found.files)
