"""What was exported, on the terminal."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from cellkinetics.files import json_text

if TYPE_CHECKING:
    from cellkinetics.exporting import Exported


def print_export(done: "Exported", *, as_json: bool) -> None:
    """Print the files, how they were checked, and what they do not hold."""
    if as_json:
        typer.echo(json_text(asdict(done) | {"files": [str(f) for f in done.files]}))
        return
    for file in done.files:
        typer.echo(str(file))
    typer.echo(f"  {done.checked}")
    for text in done.warnings:
        typer.echo(f"  warning: {text}")
    for text in done.left_out:
        typer.echo(f"  not in it: {text}")
