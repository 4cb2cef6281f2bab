"""What of a model a set of readings can tell: the Fisher information of one subject.

The kernel's Jacobian gives how every reading moves with every transformed parameter (log, logit
or identity); divided by the error of the reading, its singular values are the precisions of the
directions in parameter space that the readings see. A direction whose standard error exceeds
``BLURRED`` (a factor of e on the log scale) is not told by the readings, and a parameter that leans
on it is not identified, whatever a fit with priors may print.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellkinetics.declare import Model, Parameter
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.kernel.example import find_example
from cellkinetics.kernel.given import Infusions, Parameters, constants_of, infusions_of, times_of
from cellkinetics.kernel.layout import Floats, regular_rows
from cellkinetics.population import to_phi

DAYS = (
    1.0,
    3.0,
    5.0,
    7.0,
    9.0,
    11.0,
    14.0,
    17.0,
    21.0,
    28.0,
    42.0,
    60.0,
    90.0,
    180.0,
    270.0,
    360.0,
)
"""A trial's visits: dense over the expansion, then monthly and quarterly, to a year."""
SD = 0.5
"""Error of a reading on the log scale where none is given: qPCR and flow are of this order."""
BLURRED = 1.0
WELL = 0.5
RTOL, MAX_STEPS = 1e-9, 1_000_000
NOISE = 1e-6  # singular values below this share of the largest are the integrator's noise
SHARE = 1e-3  # a weight below this in a direction of no information is noise too


@dataclass(frozen=True)
class Identifiability:
    """What readings of one subject tell of each parameter.

    Attributes
    ----------
    table : DataFrame               a row a parameter: parameter, value, unit, ``rse`` (relative
                                    standard error, infinite where nothing tells) and ``verdict``
    directions : DataFrame          a row a direction of the transformed parameters, worst first:
                                    ``se`` and the weight of each parameter (their squares sum to 1)
    readings : int                  that carry information
    below : int                     left out, being below their limit
    """

    table: pd.DataFrame
    directions: pd.DataFrame
    readings: int
    below: int

    @property
    def told(self) -> int:
        """How many directions the readings tell."""
        return int((self.directions["se"] <= BLURRED).sum())


def identifiability(
    model: Model,
    readings: Mapping[str, float] | Sequence[str],
    times: Iterable[float] = DAYS,
    *,
    parameters: Parameters | None = None,
    infusions: Infusions | None = None,
    example: str | None = None,
    estimated: Sequence[str] | None = None,
    lloq: Mapping[str, float] | None = None,
) -> Identifiability:
    """Compute how well readings of one subject determine a model's parameters.

    Parameters
    ----------
    model : Model
    readings : mapping or sequence of str
                                    observables that are read, with the SD of their error on the
                                    log scale (0.5 where only names are given)
    times : iterable of float, day  when all of them are read; default a trial's visits over a year
    parameters, infusions, example  of the subject, as for :func:`cellkinetics.solve`
    estimated : sequence of str     default: the parameters that are not declared fixed
    lloq : mapping                  limit of each observable; readings below it tell nothing here

    Returns
    -------
    Identifiability

    Raises
    ------
    ModelError                      an unknown name, no reading above its limit, a failed solve
    """
    sds = _errors(model, readings)
    limits = _limits(model, lloq or {}, sds)
    asked_for = _estimated(model, estimated)
    if example is not None:
        found = find_example(model, example)
        parameters = {**found.values, **dict(parameters or {})}
        infusions = found.dosing if infusions is None else infusions
    when = np.unique(times_of(model, list(times)))
    names = tuple(q.name for q in model.parameters) + tuple(q.name for q in model.inputs)
    subjects, values = constants_of(model, names, parameters)
    if len(subjects) != 1:
        raise ModelError(
            f"{model.name}: identifiability is that of one subject, not {len(subjects)}."
        )
    value = dict(zip(names, values[0].tolist(), strict=True))
    for q in asked_for:
        if not _has_phi(q, value[q.name]):
            raise ModelError(
                f"{model.name}: '{q.name}' is {value[q.name]:g}, which has no {q.scale}: nothing"
                " tells it. Leave it out of estimated=."
            )
    # The kernel that the contract suite compiles serves here too, unless a rate is off.
    whole = all(_has_phi(q, value[q.name]) for q in model.parameters)
    wrt = list(model.parameters) if whole else asked_for
    kernel = build_kernel(model, tuple(q.name for q in wrt))
    phi = [to_phi(value[q.name], q.scale, q.lower, q.upper) for q in wrt]
    asked = [kernel.outputs.index(name) for name in sds]
    out = kernel(
        np.array([phi], dtype=np.float64),
        np.array([[value[name] for name in kernel.constants]]),
        infusions_of(model, infusions, subjects),
        regular_rows(when, asked, 1),
        rtol=RTOL,
        max_steps=MAX_STEPS,
    )
    if out.status[0] != 0:
        raise ModelError(
            f"{model.name}: the solve failed at these values (status {out.status[0]})."
        )
    columns = [wrt.index(q) for q in asked_for]
    scaled, below = _informative(
        kernel.positive, asked, list(sds.items()), limits, out.pred, out.jac[:, columns]
    )
    if not len(scaled):
        raise ModelError(f"{model.name}: no reading is above its limit at these values.")
    theta = np.array([value[q.name] for q in asked_for])
    return _judge(scaled, below, asked_for, theta)


def _informative(
    positive: Sequence[bool],
    asked: Sequence[int],
    sds: Sequence[tuple[str, float]],
    lloq: Mapping[str, float],
    pred: Floats,
    jac: Floats,
) -> tuple[Floats, int]:
    """Slopes of the log readings over their error, and how many rows were left out.

    Rows come as the kernel has them: the readings of one time together.
    """
    rows, below = [], 0
    for r in range(len(pred)):
        place = r % len(asked)
        name, sd = sds[place]
        level = np.exp(pred[r]) if positive[asked[place]] else pred[r]
        if not level > lloq.get(name, 0.0):
            below += 1
            continue
        rows.append(jac[r] / sd if positive[asked[place]] else jac[r] / (level * sd))
    return np.array(rows).reshape(-1, jac.shape[1]), below


def _judge(scaled: Floats, below: int, wrt: Sequence[Parameter], theta: Floats) -> Identifiability:
    _, size, weight = np.linalg.svd(scaled, full_matrices=True)
    precision = np.zeros(len(wrt))
    precision[: len(size)] = size
    with np.errstate(divide="ignore"):
        se = np.where(precision > NOISE * precision[0], 1.0 / precision, np.inf)
    untold = np.isinf(se)
    variance = ((weight * np.where(untold, 0.0, se)[:, None]) ** 2).sum(axis=0)
    variance[(np.abs(weight[untold]) > SHARE).any(axis=0)] = np.inf
    rse = np.sqrt(variance) * [_relative_slope(q, v) for q, v in zip(wrt, theta, strict=True)]
    names = [q.name for q in wrt]
    table = pd.DataFrame(
        {
            "parameter": names,
            "value": theta,
            "unit": [q.unit for q in wrt],
            "rse": rse,
            "verdict": [_verdict(x) for x in rse],
        }
    )
    directions = pd.DataFrame(weight[::-1], columns=names)
    directions.insert(0, "se", se[::-1])
    return Identifiability(table, directions, len(scaled), below)


def _verdict(rse: float) -> str:
    if rse <= WELL:
        return "identified"
    return "poorly identified" if rse <= BLURRED else "not identified"


def _relative_slope(q: Parameter, value: float) -> float:
    """|d log theta / d phi|: what a standard error of phi is relative to the value."""
    if q.scale == "log":
        return 1.0
    if q.scale == "logit":
        width = q.upper - q.lower
        return abs((value - q.lower) * (q.upper - value) / (width * value)) if value else np.inf
    return 1.0 / abs(value) if value else np.inf


def _errors(model: Model, readings: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    if isinstance(readings, str):
        readings = (readings,)
    sds = dict(readings) if isinstance(readings, Mapping) else dict.fromkeys(readings, SD)
    if not sds:
        raise ModelError(f"{model.name}: name at least one observable that is read.")
    known = [q.name for q in model.observables] + [q.name for q in model.states]
    for name, sd in sds.items():
        if name not in known:
            raise ModelError(f"{model.name}: '{name}' is not read. {did_you_mean(name, known)}")
        if not 0 < sd < np.inf:
            raise ModelError(f"{model.name}: the error of '{name}' is {sd}, wanted an SD above 0.")
    return sds


def _limits(
    model: Model, lloq: Mapping[str, float], readings: Iterable[str]
) -> Mapping[str, float]:
    for name in lloq:
        if name not in readings:
            raise ModelError(
                f"{model.name}: a limit for '{name}', which is not read."
                f" {did_you_mean(name, readings)}"
            )
    return lloq


def _has_phi(q: Parameter, value: float) -> bool:
    """Whether a value has a place on the transformed scale, and is not at its end."""
    return {"log": value > 0, "logit": q.lower < value < q.upper, "identity": True}[q.scale]


def _estimated(model: Model, names: Sequence[str] | None) -> list[Parameter]:
    declared = {q.name: q for q in model.parameters}
    if names is None:
        return [q for q in model.parameters if not q.fixed]
    for name in names:
        if name not in declared:
            raise ModelError(
                f"{model.name}: '{name}' is not a parameter. {did_you_mean(name, declared)}"
            )
    return [declared[name] for name in names]


def in_words(found: Identifiability) -> str:
    """Say which parameters the readings tell, as it stands on a model's card."""
    table = found.table
    parts = []
    for verdict, label in (
        ("identified", "identified"),
        ("poorly identified", "poorly"),
        ("not identified", "not identified"),
    ):
        names = table.loc[table["verdict"] == verdict, "parameter"]
        if len(names):
            parts.append(f"{label}: {', '.join(names)}")
    return "; ".join(parts)
