"""Simulate a model: parameters and times in, labelled trajectories out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model, Observable, State
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.compiled import MAX_STEPS, RTOL, STATUS, Form, build_kernel
from cellkinetics.kernel.layout import (
    Dosing,
    Floats,
    ragged_start,
    regular_dosing,
    regular_rows,
)

Parameters = Mapping[str, Any] | pd.DataFrame
Infusions = Sequence[tuple[float, float]] | pd.DataFrame


def solve(
    model: Model | str,
    parameters: Parameters | None = None,
    times: Sequence[float] | Floats | None = None,
    infusions: Infusions | None = None,
    *,
    form: Form = "auto",
    rtol: float = RTOL,
    max_steps: int = MAX_STEPS,
    threads: int = 1,
) -> xr.Dataset:
    """Simulate a model.

    Parameters
    ----------
    model : Model or str            a model, or its name in the catalogue
    parameters : mapping or DataFrame, optional
                                    natural-scale values of parameters and inputs by name; scalars,
                                    or one value (one row) a subject; names left out take their
                                    typical value. A ``subject`` column, or the index of a
                                    DataFrame, names the subjects
    times : array (time,), day      days since first infusion, not negative; default daily to the
                                    model's horizon
    infusions : sequence of (day, cells) or DataFrame (subject, time, cells), optional
                                    default: the model's reference dosing
    form : 'auto', 'closed', 'ode'
    rtol, max_steps, threads        of the integrator

    Returns
    -------
    xarray.Dataset                  variables: observables and states, dims (subject, time), each
                                    with ``units``; ``status`` (subject,) is 0 where solved, and a
                                    subject that failed has NaN

    Raises
    ------
    ModelError                      an unknown name, a time below 0, or a dose in a model in which
                                    dose does nothing
    """
    if isinstance(model, str):
        model = load_model(model)
    when = (
        np.arange(0.0, model.horizon + 1.0)
        if times is None
        else np.atleast_1d(np.asarray(times, dtype=np.float64))
    )
    order = _checked_order(model, when)
    kernel = build_kernel(model, (), form=form)
    subjects, constants = _constants(model, kernel.constants, parameters)
    dosing = _dosing(model, infusions, subjects)
    asked = range(len(kernel.outputs))
    rows = regular_rows(when[order], list(asked), len(subjects))
    out = kernel(
        np.empty((len(subjects), 0)),
        constants,
        dosing,
        rows,
        rtol=rtol,
        max_steps=max_steps,
        threads=threads,
    )
    values = np.empty((len(subjects), len(when), len(kernel.outputs)))
    values[:, order, :] = out.pred.reshape(len(subjects), len(when), -1)
    quantities: tuple[Observable | State, ...] = (*model.observables, *model.states)
    declared = {q.name: q for q in quantities}
    variables = {
        name: (
            ("subject", "time"),
            np.exp(values[:, :, i]) if kernel.positive[i] else values[:, :, i],
            {"units": declared[name].unit, "long_name": declared[name].meaning},
        )
        for i, name in enumerate(kernel.outputs)
    }
    return xr.Dataset(
        {
            **variables,
            "status": (
                ("subject",),
                out.status,
                {"meaning": "; ".join(f"{k}: {v}" for k, v in STATUS.items())},
            ),
        },
        coords={
            "subject": subjects,
            "time": ("time", when, {"units": "day", "long_name": "time since first infusion"}),
        },
        attrs={"model": model.name, "form": "closed" if kernel.closed else "ode", "rtol": rtol},
    )


def _checked_order(model: Model, times: Floats) -> np.ndarray:
    if not np.all(np.isfinite(times)):
        raise ModelError(f"{model.name}: times must be finite numbers.")
    if len(times) and times.min() < 0:
        raise ModelError(
            f"{model.name}: time {times.min():g} is before the first infusion (day 0),"
            " where the model says nothing. Leave such times out."
        )
    return np.argsort(times, kind="stable")


def _constants(
    model: Model, names: tuple[str, ...], parameters: Parameters | None
) -> tuple[list[Any], Floats]:
    """Values (subject, constant) in the kernel's order, typical where nothing is given."""
    given: dict[str, Any]
    labels: list[Any] | None = None
    if isinstance(parameters, pd.DataFrame):
        table = parameters.set_index("subject") if "subject" in parameters else parameters
        labels, given = list(table.index), {str(c): table[c].to_numpy() for c in table}
    else:
        given = dict(parameters or {})
        if "subject" in given:
            labels = list(given.pop("subject"))
    for name in given:
        if name not in names:
            raise ModelError(
                f"{model.name}: '{name}' is not a parameter. {did_you_mean(name, names)}"
            )
    arrays = {name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in given.items()}
    count = max([len(a) for a in arrays.values()] + [len(labels) if labels else 1])
    for name, array in arrays.items():
        if array.ndim != 1 or len(array) not in (1, count):
            raise ModelError(
                f"{model.name}: '{name}' has shape {array.shape}, wanted one value"
                f" or one for each of {count} subjects."
            )
    typical = {q.name: q.typical for q in model.parameters} | {
        q.name: q.default for q in model.inputs
    }
    constants = np.empty((count, len(names)))
    for j, name in enumerate(names):
        constants[:, j] = arrays.get(name, typical[name])
    return labels if labels is not None else list(range(count)), constants


def _dosing(model: Model, infusions: Infusions | None, subjects: list[Any]) -> Dosing:
    if infusions is None:
        return regular_dosing(model.reference_dosing, len(subjects))
    if model.infuse is None:
        raise ModelError(
            f"{model.name}: dose does nothing in this model, so infusions cannot be given."
            " Leave them out, or choose a model that declares infuse()."
        )
    if not isinstance(infusions, pd.DataFrame):
        return regular_dosing([(float(t), float(c)) for t, c in infusions], len(subjects))
    for column in ("subject", "time", "cells"):
        if column not in infusions:
            raise ModelError(f"infusions: there is no column '{column}'.")
    position = {label: i for i, label in enumerate(subjects)}
    unknown = [label for label in infusions["subject"] if label not in position]
    if unknown:
        raise ModelError(f"infusions: subject {unknown[0]!r} is not among the subjects.")
    table = infusions.assign(_at=[position[label] for label in infusions["subject"]])
    table = table.sort_values(["_at", "time"], kind="stable")
    return Dosing(
        start=ragged_start(table["_at"].to_numpy(), len(subjects)),
        time=table["time"].to_numpy(dtype=np.float64),
        cells=table["cells"].to_numpy(dtype=np.float64),
    )
