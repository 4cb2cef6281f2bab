"""Exposure of simulated patients: the metrics of samples, on curves without assay error."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cellkinetics.declare import Model
from cellkinetics.exposure.curves import trajectories
from cellkinetics.exposure.of_area import windows_as_metrics
from cellkinetics.exposure.posterior import PosteriorMetrics
from cellkinetics.exposure.registry import choose_metrics, evaluate, unit_of
from cellkinetics.exposure.rules import check_windows, describe_rules, make_rules
from cellkinetics.kernel.layout import Floats

METRICS = ("Cmax", "Tmax", "half_life", "Clast")
OF_A_LIMIT = ("persistence",)  # mean nothing where nothing falls below a limit
AREAS = ((0.0, 28.0), (0.0, 90.0))
LEVEL = 0.9


def metric_table(
    model: Model,
    names: Sequence[str],
    times: Floats,
    values: Floats,
    limits: Mapping[str, float],
) -> pd.DataFrame:
    """Measure curves with the metrics that measure samples.

    Parameters
    ----------
    model : Model
    names : sequence of str         observables; those that can be negative are left out
    times : float array (time,), day
    values : float array (quantity, time, patient)      NaN where a patient was not solved
    limits : mapping                observable -> limit of quantification; one without a limit
                                    has no persistence

    Returns
    -------
    DataFrame                       quantity, metric, unit, n (patients in whom it can be
                                    estimated), median, lower, upper (90 % of patients), remark
    """
    rules = make_rules(None, {"route": "extravascular"})
    positive = {q.name: q.unit for q in model.observables if q.positive}
    tables = []
    for name, of_one in zip(names, values, strict=True):
        if name not in positive:
            continue
        levels = np.asarray(of_one).T
        limit = limits.get(name, np.nan)
        chosen = (*METRICS, *OF_A_LIMIT) if limit > 0 else METRICS
        wanted = [*choose_metrics(chosen), *windows_as_metrics(check_windows(AREAS), "day")]
        curves = trajectories(times, levels, limit=limit, dose=np.full(len(levels), np.nan))
        found = evaluate(curves, rules, wanted)
        table = PosteriorMetrics(
            subjects=(name,),
            metrics=tuple(found),
            units=tuple(unit_of(m.unit, level=positive[name], time="day", dose="") for m in wanted),
            draws=np.stack([f.value for f in found.values()], axis=1)[:, None, :],
            notes=np.stack([f.notes for f in found.values()], axis=1)[:, None, :],
            times=times,
            definition=describe_rules(rules),
        ).table(LEVEL)
        table["n"] = (table["estimable"] * len(levels)).round().astype(np.int64)
        tables.append(table.rename(columns={"subject": "quantity"}))
    columns = ["quantity", "metric", "unit", "n", "median", "lower", "upper", "remark"]
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)[columns]
