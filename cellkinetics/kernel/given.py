"""What a caller of ``solve`` gave: checked, and brought into the kernel's form."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.declare import Model, Parameter
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.layout import Dosing, Floats, ragged_start, regular_dosing

Parameters = Mapping[str, Any] | pd.DataFrame
Infusions = Sequence[tuple[float, float]] | pd.DataFrame

LOOSEST, TIGHTEST = 1e-2, 1e-13
"""Between these the integrator's tolerance has a meaning in double precision."""


def check_solver(model: Model, rtol: float, max_steps: int, threads: int) -> None:
    """Refuse settings with which the integrator does nothing of use."""
    if not (_is_number(rtol) and TIGHTEST < rtol < LOOSEST):
        raise ModelError(
            f"{model.name}: rtol is {rtol!r}, wanted a number between {TIGHTEST:g} and {LOOSEST:g}."
        )
    for name, value in (("max_steps", max_steps), ("threads", threads)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ModelError(f"{model.name}: {name} is {value!r}, wanted a whole number above 0.")


def times_of(model: Model, times: Any) -> Floats:
    """Times as an array (time,), day; refused where empty, not finite or before day 0."""
    when = np.atleast_1d(_numbers(times, f"{model.name}: times"))
    if when.ndim != 1 or not len(when):
        raise ModelError(f"{model.name}: times has shape {when.shape}, wanted a list of days.")
    if not np.all(np.isfinite(when)):
        raise ModelError(f"{model.name}: times must be finite numbers.")
    if when.min() < 0:
        raise ModelError(
            f"{model.name}: time {when.min():g} is before the first infusion (day 0),"
            " where the model says nothing. Leave such times out."
        )
    return when


def constants_of(
    model: Model, names: tuple[str, ...], parameters: Parameters | None
) -> tuple[list[Any], Floats]:
    """Labels of the subjects, and values (subject, constant) in the kernel's order.

    Values are on the natural scale, typical where nothing is given. A value that is NaN passes:
    its subject fails with a status. A value outside its parameter's scale is refused.
    """
    given: dict[str, Any]
    labels: list[Any] | None = None
    if isinstance(parameters, pd.DataFrame):
        table = parameters.set_index("subject") if "subject" in parameters else parameters
        labels, given = list(table.index), {str(c): table[c].to_numpy() for c in table}
    elif parameters is None or isinstance(parameters, Mapping):
        given = dict(parameters or {})
        if "subject" in given:
            labels = _labels(model, given.pop("subject"))
    else:
        raise ModelError(
            f"{model.name}: parameters is {parameters!r}, wanted a mapping from names to values"
            " or a DataFrame."
        )
    for name in given:
        if name not in names:
            raise ModelError(
                f"{model.name}: '{name}' is not a parameter. {did_you_mean(name, names)}"
            )
    arrays = {n: np.atleast_1d(_numbers(v, f"{model.name}: '{n}'")) for n, v in given.items()}
    if labels is not None:
        _check_labels(model, labels)
    count = max([len(a) for a in arrays.values()] + [1 if labels is None else len(labels)])
    if labels is not None and len(labels) != count:
        raise ModelError(f"{model.name}: {len(labels)} subjects, but values for {count}.")
    for name, array in arrays.items():
        if array.ndim != 1 or len(array) not in (1, count):
            raise ModelError(
                f"{model.name}: '{name}' has shape {array.shape}, wanted one value"
                f" or one for each of {count} subjects."
            )
    for parameter in model.parameters:
        if parameter.name in arrays:
            _check_scale(model, parameter, arrays[parameter.name])
    typical = {q.name: q.typical for q in model.parameters} | {
        q.name: q.default for q in model.inputs
    }
    constants = np.empty((count, len(names)))
    for j, name in enumerate(names):
        constants[:, j] = arrays.get(name, typical[name])
    return labels if labels is not None else list(range(count)), constants


def infusions_of(model: Model, infusions: Infusions | None, subjects: list[Any]) -> Dosing:
    """Infusions as the kernel takes them; the model's reference dosing where none are given."""
    if infusions is None:
        return regular_dosing(model.reference_dosing, len(subjects))
    if model.infuse is None:
        raise ModelError(
            f"{model.name}: dose does nothing in this model, so infusions cannot be given."
            " Leave them out, or choose a model that declares infuse()."
        )
    if not isinstance(infusions, pd.DataFrame):
        return regular_dosing(_pairs(infusions), len(subjects))
    for column in ("subject", "time", "cells"):
        if column not in infusions:
            raise ModelError(f"infusions: there is no column '{column}'.")
    position = {label: i for i, label in enumerate(subjects)}
    unknown = [label for label in infusions["subject"] if label not in position]
    if unknown:
        raise ModelError(f"infusions: subject {unknown[0]!r} is not among the subjects.")
    table = infusions.assign(
        _at=[position[label] for label in infusions["subject"]],
        time=_numbers(infusions["time"].to_numpy(), "infusions, time"),
        cells=_numbers(infusions["cells"].to_numpy(), "infusions, cells"),
    )
    for time, cells in zip(table["time"], table["cells"], strict=True):
        _check_infusion(time, cells)
    table = table.sort_values(["_at", "time"], kind="stable")
    return Dosing(
        start=ragged_start(table["_at"].to_numpy(), len(subjects)),
        time=table["time"].to_numpy(dtype=np.float64),
        cells=table["cells"].to_numpy(dtype=np.float64),
    )


def _pairs(infusions: Any) -> list[tuple[float, float]]:
    wanted = "wanted (day, cells) pairs, such as [(0.0, 1e8)]"
    if isinstance(infusions, str) or not isinstance(infusions, Iterable):
        raise ModelError(f"infusions is {infusions!r}, {wanted}.")
    pairs = []
    for item in infusions:
        pair = _numbers(item, "infusions")
        if pair.shape != (2,):
            raise ModelError(f"infusions has an entry {item!r}, {wanted}.")
        time, cells = float(pair[0]), float(pair[1])
        _check_infusion(time, cells)
        pairs.append((time, cells))
    return pairs


def _check_infusion(time: float, cells: float) -> None:
    if not 0 <= time < inf:
        raise ModelError(
            f"infusions: day {time:g}, wanted a day from 0 on: time counts from the first infusion."
            " Subtract its day from all times."
        )
    if not 0 <= cells < inf:
        raise ModelError(f"infusions: {cells:g} cells on day {time:g}, wanted 0 or more.")


def _labels(model: Model, subjects: Any) -> list[Any]:
    if isinstance(subjects, str | bytes) or not isinstance(subjects, Iterable):
        raise ModelError(
            f"{model.name}: subject is {subjects!r}, wanted a list of labels, such as"
            f" [{subjects!r}]."
        )
    return list(subjects)


def _check_labels(model: Model, labels: list[Any]) -> None:
    if not labels:
        raise ModelError(f"{model.name}: there is no subject. Give at least one row.")
    index = pd.Index(labels)
    if index.has_duplicates:
        raise ModelError(
            f"{model.name}: subject {index[index.duplicated()][0]!r} is named twice."
            " Give every subject one row and a label of its own."
        )


def _check_scale(model: Model, parameter: Parameter, values: Floats) -> None:
    """The ends of a scale pass: a rate of 0 switches a process off."""
    low, high = {
        "log": (0.0, inf),
        "logit": (parameter.lower, parameter.upper),
        "identity": (-inf, inf),
    }[parameter.scale]
    bad = values[(values < low) | (values > high) | np.isinf(values)]
    if len(bad):
        wanted = {
            "log": "0 or more",
            "logit": f"{low:g} to {high:g}",
            "identity": "a finite number",
        }[parameter.scale]
        raise ModelError(
            f"{model.name}: '{parameter.name}' is {bad[0]:g} {parameter.unit}, wanted {wanted}"
            f" (natural scale; typical {parameter.typical:g})."
        )


def _numbers(values: Any, what: str) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{what} is {values!r}, wanted numbers.") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
