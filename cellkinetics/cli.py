"""The command line: one verb per function of the package, and no logic of its own."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cellkinetics.errors import CellKineticsError

FINDINGS, USAGE, CHECKS_FAILED = 1, 2, 3

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Bayesian kinetics of engineered cells: CAR-T by qPCR and flow cytometry.",
    epilog="Exit codes: 0 fine, 1 findings, 2 bad input or usage, 3 its own checks failed.",
)

FitName = Annotated[
    str, typer.Argument(metavar="FIT", help="folder with fit.toml, or a shipped fit")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="result folder")]
StudyPath = Annotated[
    Path | None, typer.Option("--study", metavar="STUDY", help="in place of the study in fit.toml")
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


@app.command()
def check(
    what: Annotated[
        str | None, typer.Argument(metavar="STUDY|FIT", help="folder, CSV or shipped name")
    ] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="print the decision table of limits")
    ] = False,
    assume_lloq: Annotated[
        list[str] | None,
        typer.Option("--assume-lloq", metavar="ANALYTE=VALUE", help="limit for rows without one"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for mistakes in a study, or in what a fit makes of it; exit 1 on errors."""
    from cellkinetics.verify import check_anything, parse_limits

    if limits:
        from cellkinetics.study import limits_table

        typer.echo(limits_table())
        return
    if what is None:
        raise typer.BadParameter("name a study or a fit, or ask for --limits")
    from cellkinetics.show.findings import print_findings

    findings = check_anything(what, assume_lloq=parse_limits(assume_lloq or []))
    print_findings(findings, as_json=as_json)
    if any(f.severity == "error" for f in findings):
        raise typer.Exit(FINDINGS)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="model, or file.py")] = None,
    as_json: Json = False,
) -> None:
    """List the models, or print the card of one."""
    from cellkinetics.show.models import print_card, print_models

    if name is None:
        print_models(as_json=as_json)
    else:
        print_card(name, as_json=as_json)


@app.command()
def priors(
    fit: FitName,
    out: Out = None,
    study: StudyPath = None,
    draws: Annotated[int, typer.Option(min=100, help="draws of the prior")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    as_json: Json = False,
) -> None:
    """Show what a fit believes before it has seen data: parameters, and curves against the data."""
    from cellkinetics.fit.run import priors as run_priors
    from cellkinetics.show.fit import print_priors

    print_priors(run_priors(fit, out=out, study=study, draws=draws, seed=seed), as_json=as_json)


@app.command()
def fit(
    fit: FitName,
    out: Out = None,
    study: StudyPath = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="continue a run that was killed")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="throw away an earlier result")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="copy summary.json beside fit.toml")
    ] = False,
    cores: Annotated[int | None, typer.Option(min=1, help="default: all")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="in place of that in fit.toml")] = None,
    as_json: Json = False,
) -> None:
    """Sample the posterior of a fit, check it, and write its result folder."""
    from cellkinetics.fit.run import fit as run_fit
    from cellkinetics.show.fit import print_result

    result = run_fit(
        fit,
        out=out,
        study=study,
        resume=resume,
        overwrite=overwrite,
        record=record,
        cores=cores,
        seed=seed,
        progress=not as_json,
    )
    print_result(result, as_json=as_json)
    if not result.passed:
        raise typer.Exit(CHECKS_FAILED)


def main() -> None:
    """Run the command line; a user's mistake is a sentence, not a traceback."""
    try:
        app()
    except CellKineticsError as error:
        kind = type(error).__name__
        if "--json" in sys.argv:
            typer.echo(json.dumps({"error": kind, "message": str(error)}))
        else:
            typer.echo(f"{kind}: {error}", err=True)
        raise SystemExit(USAGE) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted; continue a fit with --resume.", err=True)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
