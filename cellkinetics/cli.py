"""The command line: one verb per function of the package, and no logic of its own."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cellkinetics.errors import CellKineticsError

if TYPE_CHECKING:
    from cellkinetics.outcome.survival.intervals import ConfType
    from cellkinetics.outcome.survival.rules import CensorAt

FINDINGS, CHECKS_FAILED = 1, 3

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
Lloq = Annotated[
    list[str] | None,
    typer.Option("--assume-lloq", metavar="ANALYTE=VALUE", help="limit for rows without one"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace an earlier result")]
# What a NONMEM-style CSV does not say of itself.
_CSV = "NONMEM-style CSV"
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="NUMBER=ANALYTE",
        help="analyte of a DVID or CMT, say 1=qpcr; 1= leaves its rows out; may be repeated",
        rich_help_panel=_CSV,
    ),
]
Units = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        metavar="ANALYTE=UNIT",
        help="say qpcr=copies/ug; may be repeated",
        rich_help_panel=_CSV,
    ),
]
DoseUnit = Annotated[
    str | None,
    typer.Option("--dose-unit", metavar="UNIT", help="cells or cells/kg", rich_help_panel=_CSV),
]
TimeUnit = Annotated[
    str | None,
    typer.Option("--time-unit", metavar="UNIT", help="default: day", rich_help_panel=_CSV),
]
IdColumn = Annotated[
    str | None,
    typer.Option("--id", metavar="COLUMN", help="of subjects; default: ID", rich_help_panel=_CSV),
]
NameColumn = Annotated[
    str | None,
    typer.Option(
        "--name-column",
        metavar="COLUMN",
        help="whose numbers --name names; default: DVID, else CMT",
        rich_help_panel=_CSV,
    ),
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
    assume_lloq: Lloq = None,
    name: Names = None,
    unit: Units = None,
    dose_unit: DoseUnit = None,
    time_unit: TimeUnit = None,
    id_column: IdColumn = None,
    name_column: NameColumn = None,
    study: StudyPath = None,
    as_json: Json = False,
) -> None:
    """Look for mistakes in a study, or in what a fit makes of it; exit 1 on errors."""
    from cellkinetics.verify import check_anything, parse_limits

    if limits:
        from cellkinetics.study.limits import limits_json, limits_table

        typer.echo(limits_json() if as_json else limits_table())
        return
    if what is None:
        raise typer.BadParameter("name a study or a fit, or ask for --limits")
    from cellkinetics.catalogue import find_study
    from cellkinetics.show.findings import print_findings
    from cellkinetics.show.nonmem import nonmem_options
    from cellkinetics.study import check_study

    lloq = parse_limits(assume_lloq or [])
    options = nonmem_options(name or (), unit or (), dose_unit, time_unit, id_column, name_column)
    if options and study is not None:
        raise typer.BadParameter("--study goes with a fit, whose fit.toml says what a CSV means")
    if options:  # of a NONMEM-style CSV, which no fit is
        findings = check_study(find_study(what), assume_lloq=lloq, **options)
    else:
        findings = check_anything(what, assume_lloq=lloq, study=study)
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
    from cellkinetics.fitting.run import priors as run_priors
    from cellkinetics.show.fit import print_priors

    print_priors(run_priors(fit, out=out, study=study, draws=draws, seed=seed), as_json=as_json)


@app.command()
def fit(
    fit: FitName,
    out: Out = None,
    study: StudyPath = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="an approximate answer in seconds, refused if poor")
    ] = False,
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
    from cellkinetics.fitting.run import fit as run_fit
    from cellkinetics.show.fit import print_result

    result = run_fit(
        fit,
        out=out,
        study=study,
        quick=quick,
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


@app.command()
def nca(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="folder, CSV or name of a shipped study")
    ],
    analyte: Annotated[
        list[str] | None,
        typer.Option(help="may be repeated; default: those in copies or cells"),
    ] = None,
    rule: Annotated[str, typer.Option(help="area: linlog or linear")] = "linlog",
    slope: Annotated[
        str, typer.Option(help="choice of the terminal line: winnonlin or pknca")
    ] = "winnonlin",
    windows: Annotated[
        str, typer.Option(metavar="A-B,...", help="areas wanted, from day A to B")
    ] = "0-7,0-14,0-28,0-90,0-180,0-365",
    blq: Annotated[
        str,
        typer.Option(
            metavar="PLACE=RULE,...",
            help="readings below the limit: zero, drop, half or lloq (after the last: drop, zero)",
        ),
    ] = "before=zero,between=drop,after=drop",
    route: Annotated[str, typer.Option(help="extravascular, bolus or infusion")] = "extravascular",
    duration: Annotated[float, typer.Option(metavar="DAYS", help="of the infusion")] = 0.0,
    around: Annotated[
        str | None, typer.Option(metavar="DRUG", help="areas before and after a treatment too")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="of subjects.csv: summarise by group")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="REASON", help="use readings that are left out, say transplant"),
    ] = None,
    cutoff: Annotated[float | None, typer.Option(metavar="DAY", help="data cut")] = None,
    assume_lloq: Lloq = None,
    name: Names = None,
    unit: Units = None,
    dose_unit: DoseUnit = None,
    time_unit: TimeUnit = None,
    id_column: IdColumn = None,
    name_column: NameColumn = None,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure exposure without a model: Cmax, Tmax, AUC, half-lives, persistence."""
    from cellkinetics.exposure import make_rules, parse_blq, parse_windows, write_nca
    from cellkinetics.exposure import nca as run_nca
    from cellkinetics.exposure.write import check_nca_folder
    from cellkinetics.show.exposure import print_nca
    from cellkinetics.show.nonmem import nonmem_options, read_asked
    from cellkinetics.verify import parse_limits

    options = nonmem_options(name or (), unit or (), dose_unit, time_unit, id_column, name_column)
    data = read_asked(study, assume_lloq=parse_limits(assume_lloq or []), options=options)
    if out is not None:
        check_nca_folder(out, overwrite=overwrite)
    result = run_nca(
        data,
        analytes=analyte or None,
        windows=parse_windows(windows),
        around=around,
        keep=keep or (),
        cutoff=cutoff,
        duration=duration,
        rules=make_rules(
            None, {"trapezoid": rule, "slope": slope, "route": route, **parse_blq(blq)}
        ),
    )
    files = write_nca(result, out, by=by, overwrite=overwrite) if out is not None else []
    print_nca(result, by=by, files=files, as_json=as_json)


@app.command()
def endpoints(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="folder, CSV or name of a shipped study")
    ],
    cutoff: Annotated[
        float | None, typer.Option(metavar="DAY", help="data cut for every part")
    ] = None,
    bayes: Annotated[
        bool, typer.Option("--bayes", help="posteriors of the times to events by NUTS too")
    ] = False,
    efs: Annotated[
        str | None, typer.Option(metavar="RULE", help="registered, eln2017, eln2022 or fda")
    ] = None,
    dor: Annotated[
        str | None, typer.Option(metavar="RULE", help="registered, from_infusion or fda")
    ] = None,
    conf_type: Annotated[
        str, typer.Option("--conf-type", help="Kaplan-Meier intervals: log-log, log or plain")
    ] = "log-log",
    censor_at: Annotated[
        list[str] | None,
        typer.Option(
            "--censor-at",
            metavar="WHAT",
            help="transplant or other_therapy censors EFS, DOR, RFS, relapse; may be repeated",
        ),
    ] = None,
    target: Annotated[
        float, typer.Option(metavar="RATE", help="compare response and MRD rates with it")
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="of --bayes")] = 1,
    assume_lloq: Lloq = None,
    name: Names = None,
    unit: Units = None,
    dose_unit: DoseUnit = None,
    time_unit: TimeUnit = None,
    id_column: IdColumn = None,
    name_column: NameColumn = None,
    out: Out = None,
    overwrite: Overwrite = False,
    figures: Annotated[bool, typer.Option(help="PNG and SVG")] = True,
    xpt: Annotated[bool, typer.Option("--xpt", help="ADTTE and PP as SAS transport files")] = False,
    all_tables: Annotated[
        bool, typer.Option("--all-tables", help="also tables of more than 100,000 rows")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compute the trial's outcome measures: response, MRD, EFS, OS, DOR, safety, exposure."""
    from cellkinetics.endpoints import Options, compute_endpoints, write_endpoints
    from cellkinetics.endpoints.write import check_folder, default_folder
    from cellkinetics.show.endpoints import print_endpoints
    from cellkinetics.show.nonmem import nonmem_options, read_asked
    from cellkinetics.verify import parse_limits

    options = nonmem_options(name or (), unit or (), dose_unit, time_unit, id_column, name_column)
    data = read_asked(study, assume_lloq=parse_limits(assume_lloq or []), options=options)
    folder = default_folder(data.name) if out is None else out
    check_folder(folder, overwrite=overwrite)
    found = compute_endpoints(
        data,
        Options(
            cutoff=cutoff,
            efs=efs,
            dor=dor,
            conf_type=cast("ConfType", conf_type),  # checked with the other options
            censor_at=cast("tuple[CensorAt, ...]", tuple(censor_at or ())),
            target=target,
            bayes=bayes,
            seed=seed,
        ),
    )
    files = write_endpoints(
        found, folder, overwrite=overwrite, figures=figures, xpt=xpt, all_tables=all_tables
    )
    print_endpoints(found, files, as_json=as_json)
    if not found.passed:
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
        raise SystemExit(error.exit_code) from None
    except OSError as error:  # a full disk, a folder that may not be written
        if "--json" in sys.argv:
            typer.echo(json.dumps({"error": type(error).__name__, "message": str(error)}))
        else:
            typer.echo(f"A file could not be read or written: {error}", err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted; continue a fit with --resume.", err=True)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
