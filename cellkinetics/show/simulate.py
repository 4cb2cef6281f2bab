"""The verb ``simulate``: its options, and the simulation that they ask for."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cellkinetics.errors import SpecError
from cellkinetics.show import options as opt
from cellkinetics.show.options import Json, Out, Overwrite, StudyPath

if TYPE_CHECKING:
    from cellkinetics.simulation.run import Simulation

CHECKS_FAILED = 3
ALONE = 200  # runs of --hybrid where there is one patient, the typical one


def simulate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|RESULT", help="model, file.py, result folder, or fit with a result"
        ),
    ],
    subjects: opt.Subjects = None,
    study: StudyPath = None,
    subject: Annotated[
        str, typer.Option(metavar="ID", help="RESULT: draws of this subject of its study")
    ] = "",
    values: opt.Values = None,
    example: opt.ExampleName = None,
    patient_class: opt.ClassName = None,
    covariate: opt.Covariates = None,
    dose: opt.Doses = None,
    flat: Annotated[bool, typer.Option("--flat", help="doses are cells, not cells/kg")] = False,
    weight: Annotated[float | None, typer.Option(metavar="KG", help="of every patient")] = None,
    times: opt.Days = None,
    states: Annotated[bool, typer.Option("--states", help="curves of the states too")] = False,
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="the tumour can die out by chance: probability of cure")
    ] = False,
    runs: Annotated[
        int | None,
        typer.Option(min=1, help="--hybrid: of each patient; default: 1, of the typical alone 200"),
    ] = None,
    read: opt.Readings = None,
    lloq: opt.Limits = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    form: Annotated[str, typer.Option(help="auto, closed or ode")] = "auto",
    method: Annotated[str, typer.Option(help="auto, explicit or implicit")] = "auto",
    rtol: Annotated[
        float | None, typer.Option(help="relative tolerance of the integrator; default: 1e-6")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    out: Out = None,
    overwrite: Overwrite = False,
    plot: Annotated[bool, typer.Option("--plot", help="curves as PNG and SVG")] = False,
    as_json: Json = False,
) -> None:
    """Simulate virtual patients: of a model as published, or of a fit's posterior."""
    from cellkinetics.kernel.compiled import RTOL  # noqa: PLC0415
    from cellkinetics.show.simulation import print_simulation  # noqa: PLC0415
    from cellkinetics.simulation import asked as texts  # noqa: PLC0415
    from cellkinetics.simulation.folder import (  # noqa: PLC0415
        check_folder,
        default_folder,
        write_simulation,
    )
    from cellkinetics.simulation.levels import parse_levels, plan_levels  # noqa: PLC0415
    from cellkinetics.simulation.posterior import find_result, load_posterior  # noqa: PLC0415
    from cellkinetics.simulation.run import plan_simulation  # noqa: PLC0415

    if hybrid:
        moot = [(f"--{k}", v != "auto") for k, v in (("form", form), ("method", method))]
        _refuse(*moot, ("--read", read), cure="--hybrid has its own integrator and no assay.")
    else:
        _refuse(("--runs", runs), cure="It counts the runs of --hybrid.")
    result = find_result(what)
    common: dict[str, Any] = {
        "times": None if times is None else texts.parse_times(times),
        "subjects": subjects,
        "covariates": texts.parse_pairs(covariate or [], "--covariate"),
        "patient_class": patient_class,
        "seed": seed,
        "form": form,  # checked, as method is, where the kernel is built
        "method": method,
        "threads": threads,
    }
    held = texts.parse_values(values or [])
    if result is None:
        _refuse(
            ("--subject", subject),
            ("--study", study),
            cure="Name a fit's result in place of a model.",
        )
        name, of_subject = what, weight

        def plan(infusions: list[tuple[float, float]] | None) -> "Simulation":
            return plan_simulation(
                what, held, infusions=infusions, weight=weight, example=example,
                rtol=RTOL if rtol is None else rtol, **common,
            )  # fmt: skip

    else:
        from cellkinetics.simulation.from_posterior import plan_posterior  # noqa: PLC0415

        _refuse(("--example", example), ("--read", read), cure="It goes with a model, not a fit.")
        posterior = load_posterior(result, study=study)
        name = posterior.name
        of_subject = posterior.weight(subject) if subject and weight is None else weight

        def plan(infusions: list[tuple[float, float]] | None) -> "Simulation":
            return plan_posterior(
                posterior, infusions, subject=subject, values=held, weight=weight, rtol=rtol,
                **common,
            )  # fmt: skip

    levels, notes = parse_levels(dose or [], flat=flat, weight=of_subject)
    groups = plan_levels(levels, plan)
    limits = texts.parse_limits(groups[0].model, lloq or [])
    groups = tuple(replace(group, limits={**group.limits, **limits}) for group in groups)
    folder = default_folder(name if result else groups[0].model.name) if out is None else out
    check_folder(folder, overwrite=overwrite)
    if hybrid:
        from cellkinetics.show.hybrid import print_hybrid  # noqa: PLC0415
        from cellkinetics.simulation.hybrid import RTOL as HYBRID_RTOL  # noqa: PLC0415
        from cellkinetics.simulation.hybrid_folder import write_hybrid  # noqa: PLC0415

        alone = not groups[0].patients.drawn
        cured = write_hybrid(
            groups,
            folder,
            runs=runs or (ALONE if alone else 1),
            rtol=HYBRID_RTOL if rtol is None else rtol,
            states=states,
            overwrite=overwrite,
            figure=plot,
        )
        print_hybrid(cured, notes, as_json=as_json)
        failures = cured.failures
    else:
        found = write_simulation(
            groups,
            folder,
            states=states,
            readings=texts.parse_readings(read or []),
            overwrite=overwrite,
            figure=plot,
        )
        print_simulation(found, notes, as_json=as_json)
        failures = found.failures
    if failures:
        raise typer.Exit(CHECKS_FAILED)


def _refuse(*options: tuple[str, object], cure: str) -> None:
    """Refuse options that were given but would do nothing."""
    for name, value in options:
        if value:
            raise SpecError(f"{name} would do nothing here. {cure}")
