"""The command line: one verb per function of the package, and no logic of its own."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cellkinetics.errors import CellKineticsError
from cellkinetics.show import options as opt
from cellkinetics.show.options import FitName, Json, Out, Overwrite, StudyPath
from cellkinetics.show.simulate import simulate
from cellkinetics.show.source import Source, reads_study

if TYPE_CHECKING:
    from cellkinetics.outcome.survival.rules import CensorAt
    from cellkinetics.survival.intervals import ConfType

FINDINGS, BAD_INPUT, CHECKS_FAILED, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Bayesian kinetics of engineered cells: CAR-T by qPCR and flow cytometry.",
    epilog="Exit codes: 0 fine, 1 findings, 2 bad input or usage, 3 its own checks failed.",
)


@app.command()
@reads_study
def check(
    source: Source,
    what: Annotated[
        str | None,
        typer.Argument(metavar="STUDY|FIT|MODEL.py", help="folder, CSV, model file or name"),
    ] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="print the decision table of limits")
    ] = False,
    study: StudyPath = None,
    as_json: Json = False,
) -> None:
    """Look for mistakes in a study, in what a fit makes of it, or in a model; exit 1 on errors."""
    if limits:
        from cellkinetics.study.limits import limits_json, limits_table

        typer.echo(limits_json() if as_json else limits_table())
        return
    if what is None:
        raise typer.BadParameter("name a study or a fit, or ask for --limits")
    from cellkinetics.show.findings import print_findings

    findings = source.check(what, study)
    print_findings(findings, as_json=as_json)
    if any(f.severity == "error" for f in findings):
        if not as_json and (cure := source.cure(what)):
            typer.echo(cure)
        raise typer.Exit(FINDINGS)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="model, or file.py")] = None,
    html: opt.Html = None,
    as_json: Json = False,
) -> None:
    """List the models, or print the card of one."""
    from cellkinetics.show.models import print_card, print_models

    if html is not None:
        from cellkinetics.catalogue import load_model
        from cellkinetics.page.write import write_page

        if name is None:
            raise typer.BadParameter("--html goes with the name of a model")
        typer.echo(f"{write_page(load_model(name), html)} is written.")
    elif name is None:
        print_models(as_json=as_json)
    else:
        print_card(name, as_json=as_json)


@app.command("new-model")
def new_model(
    path: Annotated[Path, typer.Argument(metavar="FILE.py", help="a new file")],
) -> None:
    """Write a commented model file to start from."""
    from cellkinetics.contract.new import new_model as write_model

    written = write_model(path)
    typer.echo(f"{written} is written: change it, and run 'cellkinetics check {written}'.")


@app.command()
def priors(
    fit: FitName,
    out: Out = None,
    study: StudyPath = None,
    draws: Annotated[int, typer.Option(min=100, help="draws of the prior")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Show what a fit believes before it has seen data: parameters, and curves against the data."""
    from cellkinetics.fitting.run import priors as run_priors
    from cellkinetics.show.fit import print_priors

    view = run_priors(fit, out=out, study=study, draws=draws, seed=seed, overwrite=overwrite)
    print_priors(view, as_json=as_json)


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
def compare(
    results: Annotated[
        list[str],
        typer.Argument(metavar="RESULT|FIT...", help="result folders; a fit: its ./results/NAME"),
    ],
    refit: Annotated[
        bool, typer.Option("--refit", help="sample again without a subject where that is needed")
    ] = False,
    study: StudyPath = None,
    out: Out = None,
    overwrite: Overwrite = False,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    cores: Annotated[int | None, typer.Option(min=1, help="of refits; default: all")] = None,
    as_json: Json = False,
) -> None:
    """Compare fits of the same readings by what each says of subjects left out."""
    from cellkinetics.fitting.comparison import compare as run_compare
    from cellkinetics.show.compare import print_comparison

    found = run_compare(
        *results,
        refit=refit,
        study=study,
        out=out,
        overwrite=overwrite,
        seed=seed,
        cores=cores,
        progress=not as_json,
    )
    print_comparison(found, as_json=as_json)
    if not found.passed:
        raise typer.Exit(CHECKS_FAILED)


@app.command()
@reads_study
def nca(
    source: Source,
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
    tail: Annotated[
        str,
        typer.Option(
            help="windows past the last reading: from Clast as observed, or (as Phoenix WinNonlin) "
            "predicted by the terminal line"
        ),
    ] = "observed",
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
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure exposure without a model: Cmax, Tmax, AUC, half-lives, persistence."""
    from cellkinetics.exposure import nca as run_nca
    from cellkinetics.exposure import write_nca
    from cellkinetics.exposure.write import check_nca_folder
    from cellkinetics.show.exposure import print_nca

    data = source.read(study)
    if out is not None:
        check_nca_folder(out, overwrite=overwrite)
    result = run_nca(
        data,
        analytes=analyte or None,
        windows=windows,
        around=around,
        keep=keep or (),
        cutoff=cutoff,
        duration=duration,
        trapezoid=rule,
        slope=slope,
        tail=tail,
        route=route,
        blq=blq,
    )
    files = write_nca(result, out, by=by, overwrite=overwrite) if out is not None else []
    print_nca(result, by=by, files=files, as_json=as_json)


@app.command()
@reads_study
def endpoints(
    source: Source,
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
    dlt_within: Annotated[
        str | None,
        typer.Option(
            "--dlt-within",
            metavar="DAY|none",
            help="last day of the window of dose-limiting toxicities; default: study.toml, else 28",
        ),
    ] = None,
    target: Annotated[
        float, typer.Option(metavar="RATE", help="compare response and MRD rates with it")
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="of --bayes")] = 1,
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
    from cellkinetics.endpoints.options import parse_window
    from cellkinetics.endpoints.write import result_folder
    from cellkinetics.show.endpoints import print_endpoints

    data = source.read(study)
    folder = result_folder(out, data.name, overwrite=overwrite)
    found = compute_endpoints(
        data,
        Options(
            cutoff=cutoff,
            efs=efs,
            dor=dor,
            conf_type=cast("ConfType", conf_type),  # checked with the other options
            censor_at=cast("tuple[CensorAt, ...]", tuple(censor_at or ())),
            dlt_within=parse_window(dlt_within),
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


app.command()(simulate)


@app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="MODEL|FIT", help="model for SBML, fit for Stan")],
    format: Annotated[str, typer.Option("--format", help="sbml or stan")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="default: NAME.xml or NAME.stan")
    ] = None,
    example: Annotated[
        str | None, typer.Option(metavar="NAME", help="SBML: a published patient of the model")
    ] = None,
    patient_class: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="SBML: a class of patients")
    ] = None,
    study: StudyPath = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a model as SBML, or a whole fit as a Stan program with its data."""
    from cellkinetics.exporting import export as run_export
    from cellkinetics.show.export import print_export

    done = run_export(
        name,
        format=format,
        out=out,
        example=example,
        patient_class=patient_class,
        study=study,
        overwrite=overwrite,
    )
    print_export(done, as_json=as_json)


def main() -> None:
    """Run the command line; a user's mistake is a sentence, not a traceback."""
    as_json = "--json" in sys.argv
    try:
        # With --json the usage errors are ours to print; otherwise they are typer's.
        code = app(standalone_mode=not as_json)
    except CellKineticsError as error:
        code = refused(type(error).__name__, str(error), as_json=as_json, code=error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written
        why = str(error) if as_json else f"a file could not be read or written: {error}"
        code = refused(type(error).__name__, why, as_json=as_json)
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):  # what typer says of a wrong usage
            raise
        code = refused("UsageError", error.format_message(), as_json=as_json)
    if code == INTERRUPTED:
        typer.echo("Interrupted; continue a fit with --resume.", err=True)
    raise SystemExit(code)


def refused(kind: str, message: str, *, as_json: bool, code: int = BAD_INPUT) -> int:
    """Say why there is no answer, and return the exit code."""
    if as_json:
        typer.echo(json.dumps({"error": kind, "message": message}, ensure_ascii=False))
    else:
        typer.echo(f"{kind}: {message}", err=True)
    return code


if __name__ == "__main__":
    main()
