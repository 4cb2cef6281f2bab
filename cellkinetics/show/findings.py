"""Findings of a check, on the terminal."""

import typer
from rich.markup import escape

from cellkinetics.show.console import open_console
from cellkinetics.study import Finding, findings_to_json
from cellkinetics.study.findings import counted

_COLOUR = {"error": "red", "warning": "yellow", "info": "cyan"}


def print_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Print findings, the worst first, and their count."""
    if as_json:
        typer.echo(findings_to_json(findings))
        return
    console = open_console()
    for finding in findings:
        colour = _COLOUR[finding.severity]
        console.print(
            f"[{colour}]{finding.severity:8}[/] {escape(str(finding))} [dim]({finding.code})[/]",
            soft_wrap=True,
        )
    counts = ", ".join(
        f"{number} {kind}" if kind == "info" else counted(number, kind)
        for kind in _COLOUR
        for number in (sum(f.severity == kind for f in findings),)
    )
    console.print(counts)
