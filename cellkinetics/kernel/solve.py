"""Simulate a model: parameters and times in, labelled trajectories out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model, Observable, State
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import MAX_STEPS, RTOL, STATUS, Form, Method, build_kernel
from cellkinetics.kernel.example import with_example
from cellkinetics.kernel.given import (
    Infusions,
    Parameters,
    check_solver,
    constants_of,
    infusions_of,
    times_of,
)
from cellkinetics.kernel.layout import Floats, regular_rows


def solve(
    model: Model | str | Path,
    parameters: Parameters | None = None,
    times: Sequence[float] | Floats | None = None,
    infusions: Infusions | None = None,
    *,
    example: str | None = None,
    form: Form = "auto",
    method: Method = "auto",
    rtol: float = RTOL,
    max_steps: int = MAX_STEPS,
    threads: int = 1,
) -> xr.Dataset:
    """Simulate a model.

    Parameters
    ----------
    model : Model, str or Path      a model, its name in the catalogue, or a file of your own
    parameters : mapping or DataFrame, optional
                                    natural-scale values of parameters and inputs by name; scalars,
                                    or one value (one row) a subject; names left out take their
                                    typical value. A ``subject`` column, or the index of a
                                    DataFrame, names the subjects
    times : array (time,), day      days since first infusion, not negative; default daily to the
                                    model's horizon
    infusions : sequence of (day, cells) or DataFrame (subject, time, cells), optional
                                    default: the model's reference dosing
    example : str, optional         a published patient of the model: its values stand where
                                    ``parameters`` has none, its dosing where ``infusions`` is not
                                    given
    form : 'auto', 'closed', 'ode'
    method : 'auto', 'explicit', 'implicit'
                                    how to integrate: 'auto' is implicit for a model declared stiff
                                    and for subjects with whom the explicit method does not get on
    rtol, max_steps, threads        of the integrator

    Returns
    -------
    xarray.Dataset                  variables: observables and states, dims (subject, time), each
                                    with ``units``; ``status`` (subject,) is 0 where solved, and a
                                    subject that failed has NaN; ``method`` (subject,) says how

    Raises
    ------
    ModelError                      an unknown name, a value outside its scale, a time below 0, a
                                    dose in a model in which dose does nothing, or no number
    """
    if isinstance(model, str | Path):
        model = load_model(model)
    if not isinstance(model, Model):
        raise ModelError(f"solve: model is {model!r}, wanted a Model or the name of one.")
    check_solver(model, rtol, max_steps, threads)
    if example is not None:
        parameters, infusions = with_example(model, example, parameters, infusions)
    when = times_of(model, np.arange(0.0, model.horizon + 1.0) if times is None else times)
    order = np.argsort(when, kind="stable")
    kernel = build_kernel(model, (), form=form, method=method)
    subjects, constants = constants_of(model, kernel.constants, parameters)
    dosing = infusions_of(model, infusions, subjects)
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
    # What grows without bound in a model grows past what a number holds.
    with np.errstate(over="ignore"):
        natural = np.where(kernel.positive, np.exp(values), values)
    variables = {
        name: (
            ("subject", "time"),
            natural[:, :, i],
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
            "method": (
                ("subject",),
                np.where(out.implicit, "implicit", "closed" if kernel.closed else "explicit"),
                {"meaning": "how each subject was solved"},
            ),
        },
        coords={
            "subject": subjects,
            "time": ("time", when, {"units": "day", "long_name": "time since first infusion"}),
        },
        attrs={"model": model.name, "form": "closed" if kernel.closed else "ode", "rtol": rtol},
    )
