"""Simulate virtual patients of a model, all at once or in parts of bounded size."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Example, Model
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import MAX_STEPS, RTOL, Form, Method
from cellkinetics.kernel.example import find_example
from cellkinetics.kernel.given import check_solver, infusions_of, times_of
from cellkinetics.kernel.layout import Floats
from cellkinetics.kernel.solve import solve
from cellkinetics.simulation.patients import Patients, draw_patients
from cellkinetics.simulation.ranges import RangeWarning, outside

PATIENTS = 200
VALUES_A_PART = 500_000
"""Predictions held at a time: bounds the memory, whatever the number of patients."""


@dataclass(frozen=True)
class Simulation:
    """What is to be simulated, checked and drawn; nothing is solved yet.

    Attributes
    ----------
    model : Model
    patients : Patients
    typical : Patients              the typical one of each class, under the same values; nobody
                                    where the patients are draws of one subject
    times : float array (time,), day
    infusions : tuple of (day, cells)       empty where dose does nothing
    example : str                           name of the published patient, or empty
    seed : int
    form, method, rtol, max_steps, threads  of the integrator
    warnings : tuple of str                 ranges that are left, each with the range
    origin : str                            "posterior of NAME"; empty: the model as published
    subject : str                           of a trial, whose draws the patients are; empty: nobody
    limits : mapping                        observable -> limit of quantification, for metrics
    dose : float                            total dose of a group, as it was asked; NaN: no groups
    dose_unit : str                         of ``dose``
    """

    model: Model
    patients: Patients
    typical: Patients
    times: Floats
    infusions: tuple[tuple[float, float], ...]
    example: str
    seed: int
    form: Form
    method: Method
    rtol: float
    max_steps: int
    threads: int
    warnings: tuple[str, ...]
    origin: str = ""
    subject: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    dose: float = math.nan
    dose_unit: str = ""

    def __len__(self) -> int:
        """Give the number of patients."""
        return len(self.patients.table)


def plan_simulation(
    model: Model | str | Path,
    parameters: Mapping[str, float] | None = None,
    times: Sequence[float] | Floats | None = None,
    infusions: Sequence[tuple[float, float]] | None = None,
    *,
    subjects: int | None = None,
    covariates: Mapping[str, float | str] | None = None,
    weight: float | None = None,
    patient_class: str | None = None,
    example: str | None = None,
    seed: int = 1,
    form: Form = "auto",
    method: Method = "auto",
    rtol: float = RTOL,
    max_steps: int = MAX_STEPS,
    threads: int = 2,
) -> Simulation:
    """Check what is asked of a simulation and draw its patients; see :func:`simulate`."""
    if isinstance(model, str | Path):
        model = load_model(model)
    if not isinstance(model, Model):
        raise ModelError(f"simulate: model is {model!r}, wanted a Model or the name of one.")
    check_solver(model, rtol, max_steps, threads)
    patient = None if example is None else find_example(model, example)
    count = subjects if subjects is not None else (PATIENTS if patient is None else 0)
    for name, number in (("subjects", count), ("seed", seed)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            raise ModelError(
                f"{model.name}: {name} is {number!r}, wanted a whole number from 0 on."
            )
    when = np.unique(times_of(model, default_times(model.horizon) if times is None else times))
    dosing = dosing_of(model, infusions, patient)
    known = {**of_dose(model, dosing, weight), **(covariates or {})}
    draw = partial(
        draw_patients,
        model,
        seed=seed,
        values={**(patient.values if patient else {}), **(parameters or {})},
        covariates=known,
        patient_class=patient_class,
    )
    typical = draw(0)
    return Simulation(
        model=model,
        patients=draw(count),
        typical=typical,
        times=when,
        infusions=dosing,
        example=patient.name if patient else "",
        seed=seed,
        form=form,
        method=method,
        rtol=rtol,
        max_steps=max_steps,
        threads=threads,
        warnings=tuple(outside(model, when, dosing, typical.table, weight)),
    )


def simulate(
    model: Model | str | Path,
    parameters: Mapping[str, float] | None = None,
    times: Sequence[float] | Floats | None = None,
    infusions: Sequence[tuple[float, float]] | None = None,
    *,
    subjects: int | None = None,
    covariates: Mapping[str, float | str] | None = None,
    weight: float | None = None,
    patient_class: str | None = None,
    example: str | None = None,
    seed: int = 1,
    form: Form = "auto",
    method: Method = "auto",
    rtol: float = RTOL,
    max_steps: int = MAX_STEPS,
    threads: int = 2,
) -> xr.Dataset:
    """Simulate virtual patients: between-subject variability, classes and covariates as declared.

    Parameters
    ----------
    model : Model, str or Path      a model, its name in the catalogue, or a file of your own
    parameters : mapping, optional  typical values of parameters (natural scale), and values of
                                    inputs, in place of the model's
    times : array (time,), day      days since first infusion; default: dense to day 28, then
                                    weekly to the model's horizon
    infusions : sequence of (day, cells), optional
                                    total cells; default: the model's reference dosing
    subjects : int, optional        patients to draw (default 200); 0 is the typical patient alone,
                                    which is the default with ``example``
    covariates : mapping, optional  of every patient; left out: the model's reference patient
    weight : float, optional        kg; the covariates weight_kg and cells_per_kg of a model that
                                    asks for them
    patient_class : str, optional   draw from this class alone
    example : str, optional         a published patient of the model: its values and its dosing
    seed : int
    form, method, rtol, max_steps, threads
                                    of the integrator, as for ``solve``

    Returns
    -------
    xarray.Dataset                  observables and states, dims (subject, time), with ``units``;
                                    ``theta`` (subject, parameter), natural-scale values;
                                    ``patient_class`` and ``status`` (subject,), 0 where solved

    Raises
    ------
    ModelError                      an unknown name, a value outside its scale, a time below 0, or a
                                    dose in a model in which dose does nothing

    Warns
    -----
    RangeWarning                    times past the model's horizon, doses outside its range or that
                                    of trials, typical values far outside the published spread
    """
    asked = plan_simulation(
        model, parameters, times, infusions, subjects=subjects, covariates=covariates,
        weight=weight, patient_class=patient_class, example=example, seed=seed, form=form,
        method=method, rtol=rtol, max_steps=max_steps, threads=threads,
    )  # fmt: skip
    for sentence in asked.warnings:
        warnings.warn(sentence, RangeWarning, stacklevel=2)
    return xr.concat(list(parts(asked)), dim="subject", data_vars="minimal", join="exact")


def parts(asked: Simulation) -> Iterator[xr.Dataset]:
    """Solve a simulation, some patients at a time, in their order."""
    model, table = asked.model, asked.patients.table
    names = [q.name for q in model.parameters] + [q.name for q in model.inputs]
    per_patient = len(asked.times) * (len(model.observables) + len(model.states))
    step = max(1, VALUES_A_PART // per_patient)
    for first in range(0, len(table), step):
        part = table.iloc[first : first + step]
        solved = solve(
            model,
            part[["subject", *names]],
            asked.times,
            list(asked.infusions) if asked.infusions else None,
            form=asked.form,
            method=asked.method,
            rtol=asked.rtol,
            max_steps=asked.max_steps,
            threads=asked.threads,
        )
        yield (
            solved.assign(
                theta=(("subject", "parameter"), part[names].to_numpy(dtype=np.float64)),
                patient_class=("subject", part["class"].to_numpy(dtype=object).astype(str)),
            )
            .assign_coords(
                parameter=names, subject=part["subject"].to_numpy(dtype=object).astype(str)
            )
            .assign_attrs(seed=asked.seed, example=asked.example)
        )


def default_times(horizon: float) -> Floats:
    """Days of a default simulation: each half day to day 28, then every other, then weekly."""
    grid = np.concatenate(
        [np.arange(0, 28, 0.5), np.arange(28, 100, 2.0), np.arange(100, horizon, 7.0), [horizon]]
    )
    return np.unique(grid[grid <= horizon])


def dose_does_nothing(model: Model) -> str:
    """Why a model cannot be asked for a dose, and what can be asked instead."""
    effects = [e for e in model.covariates if e.covariate in {"cells", "cells_per_kg"}]
    cure = "Leave --dose out, or choose a model that declares infuse()."
    if effects:
        named = effects[0].covariate
        cure = (
            f"Its published effect of the dose is that of a covariate, {effects[0].name}:"
            f" ask for it with --covariate {named}=VALUE. Otherwise leave --dose out."
        )
    return (
        f"{model.name}: dose does nothing in this model: its equations start from levels that do"
        f" not depend on the cells infused, so a dose cannot be given. {cure}"
    )


def dosing_of(
    model: Model, infusions: Sequence[tuple[float, float]] | None, example: Example | None
) -> tuple[tuple[float, float], ...]:
    """Infusions that are asked for, else those of the example or the model's reference."""
    if infusions is not None:
        if model.infuse is None:
            raise ModelError(dose_does_nothing(model))
        dosing = infusions_of(model, infusions, ["one"])
        pairs = zip(dosing.time.tolist(), dosing.cells.tolist(), strict=True)
        return tuple((float(day), float(cells)) for day, cells in pairs)
    if example is not None and example.dosing is not None:
        return tuple(example.dosing)
    return tuple(model.reference_dosing)


def of_dose(
    model: Model, dosing: tuple[tuple[float, float], ...], weight: float | None
) -> dict[str, float | str]:
    """Covariates that dose and weight imply, as in a study, where the model asks for them."""
    implied: dict[str, float | str] = {}
    if weight is not None:
        implied["weight_kg"] = weight
    if dosing:
        implied["cells"] = dosing[0][1]
        if weight is not None:
            implied["cells_per_kg"] = dosing[0][1] / weight
    asked = {q.covariate for q in model.inputs} | {e.covariate for e in model.covariates}
    return {name: value for name, value in implied.items() if name in asked}
