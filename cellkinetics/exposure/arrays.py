"""Metrics of plain arrays, for those who have no study folder."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellkinetics.errors import SpecError
from cellkinetics.exposure.curves import ABOVE, BELOW, READ, Floats, pack
from cellkinetics.exposure.metric import Found, Metric
from cellkinetics.exposure.notes import describe
from cellkinetics.exposure.of_area import windows_as_metrics
from cellkinetics.exposure.registry import choose_metrics, evaluate, unit_of
from cellkinetics.exposure.rules import WINDOWS, Rules, Window, check_windows, make_rules


def metrics_of(
    times: ArrayLike,
    values: ArrayLike,
    *,
    profile: ArrayLike | None = None,
    below: ArrayLike | None = None,
    above: ArrayLike | None = None,
    lloq: ArrayLike = np.nan,
    dose: float = np.nan,
    duration: float = 0.0,
    windows: Sequence[Window] = WINDOWS,
    metrics: Sequence[str] | None = None,
    rules: Rules | None = None,
    unit: str = "",
    time_unit: str = "day",
    dose_unit: str = "",
    **changes: Any,
) -> pd.DataFrame:
    """Compute the metrics of one profile, or of several.

    Parameters
    ----------
    times : array (reading,)      since the dose, in any order; those before it (negative) do not
                                  count
    values : array (reading,)     levels; NaN is no reading
    profile : array (reading,), optional    to whom a reading belongs; default: all to one
    below : array (reading,) of bool, optional
                                  readings below their limit; default: values under ``lloq``, and
                                  zeros
    above : array (reading,) of bool, optional
                                  readings above an upper limit, which is then their value
    lloq : float or array (reading,)        lower limit of quantification
    dose, duration : float        of the dose, and of its infusion (route 'infusion')
    windows : sequence of (start, end)      areas wanted
    metrics : sequence of str, optional     default: all of the registry
    rules : Rules, optional
    unit, time_unit, dose_unit : str        only to write the units of results
    **changes                     single rules: ``route="bolus"``, ``trapezoid="linear"`` ...

    Returns
    -------
    DataFrame                     profile, metric, value, unit, cdisc, flag, reason

    Raises
    ------
    SpecError                     arrays that do not go together, infinite or negative values, an
                                  unknown metric or rule
    """
    chosen = make_rules(rules, changes)
    t, y = _row(times, "times"), _row(values, "values")
    if len(t) != len(y):
        raise SpecError(f"{len(t)} times and {len(y)} values: wanted as many of each.")
    limit = np.array(np.broadcast_to(np.asarray(lloq, dtype=np.float64), t.shape))
    who, names = _who(profile, len(t))
    with np.errstate(invalid="ignore"):
        low = _mask(below, len(t), "below", (y == 0) | (y < limit))
    high = _mask(above, len(t), "above", np.zeros(len(t), dtype=bool))
    if (low & high).any():
        raise SpecError(f"reading {int(np.flatnonzero(low & high)[0]) + 1} is below and above.")
    _check_dose(chosen, dose, duration)
    # A marked reading needs no value: only its limit is used.
    used = (t >= 0) & (np.isfinite(y) | low)
    if np.isinf(t).any() or np.isinf(y).any():
        raise SpecError("a time or value is infinite; wanted finite numbers, or NaN for none.")
    kind = np.where(low, BELOW, np.where(high, ABOVE, READ))
    curves = pack(
        who[used],
        t[used],
        np.where(low, np.nan, y)[used],
        kind[used],
        np.where(low & np.isnan(limit) & (y > 0), y, limit)[used],
        count=len(names),
        dose=np.full(len(names), float(dose)),
        duration=np.full(len(names), float(duration)),
    )
    wanted: list[Metric] = [
        *choose_metrics(metrics),
        *windows_as_metrics(check_windows(windows), time_unit),
    ]
    results = evaluate(curves, chosen, wanted)
    units = [unit_of(m.unit, level=unit, time=time_unit, dose=dose_unit) for m in wanted]
    codes = [m.code_for(chosen.route) for m in wanted]
    return long_table(pd.DataFrame({"profile": names}), results, units, codes)


def long_table(
    keys: pd.DataFrame, results: dict[str, Found], units: Sequence[str], codes: Sequence[str]
) -> pd.DataFrame:
    """Write results as a table, a row a profile and metric.

    Parameters
    ----------
    keys : DataFrame (profile)    columns that name the profiles
    results : dict of Found
    units, codes : sequences of str, one a metric

    Returns
    -------
    DataFrame                     the keys, metric, value, unit, cdisc, flag, reason
    """
    names, count, profiles = list(results), len(results), len(keys)
    at = np.repeat(np.arange(profiles), count)
    value = np.stack([f.value for f in results.values()], axis=1).reshape(-1)
    notes = np.stack([f.notes for f in results.values()], axis=1).reshape(-1)
    flag, reason = describe(notes)
    return pd.DataFrame(
        {
            **{column: keys[column].to_numpy()[at] for column in keys},
            "metric": np.tile(np.array(names, dtype=object), profiles),
            "value": value,
            "unit": np.tile(np.array(units, dtype=object), profiles),
            "cdisc": np.tile(np.array(codes, dtype=object), profiles),
            "flag": flag,
            "reason": reason,
        }
    )


def _row(values: ArrayLike, name: str) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(
            f"{name} are not numbers; mark readings below a limit in `below`."
        ) from None
    if array.ndim != 1:
        raise SpecError(f"{name} have shape {array.shape}; wanted one row of readings.")
    return array


def _mask(given: ArrayLike | None, count: int, name: str, default: np.ndarray) -> np.ndarray:
    if given is None:
        return default
    mask = np.asarray(given, dtype=bool)
    if mask.shape != (count,):
        raise SpecError(f"{name} has shape {mask.shape}; wanted one mark a reading, ({count},).")
    return mask


def _who(profile: ArrayLike | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    if profile is None:
        return np.zeros(count, dtype=np.int64), np.array(["1"], dtype=object)
    codes, names = pd.factorize(np.asarray(profile, dtype=object))
    if len(codes) != count or (codes < 0).any():
        raise SpecError("profile must name the owner of every reading.")
    return np.asarray(codes, dtype=np.int64), np.asarray(names, dtype=object)


def _check_dose(rules: Rules, dose: float, duration: float) -> None:
    if rules.route == "infusion" and not 0 < duration < np.inf:
        raise SpecError(f"route 'infusion' needs its duration; {duration:g} came.")
    if rules.route != "infusion" and duration != 0:
        raise SpecError(f"a duration of {duration:g} needs route 'infusion', not '{rules.route}'.")
    if dose <= 0 or np.isinf(dose):
        raise SpecError(f"dose {dose:g}: wanted a positive number, or none.")
