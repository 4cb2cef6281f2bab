"""Baseline, peak, fold change, area and return of every subject's cytokine course, with bounds.

A reading below or above a limit is an interval; every metric here is a monotone function of the
readings, so its bounds are the metric of the lower and of the upper bounds: nothing is replaced.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.outcome.cytokine_readings import Readings
from cellkinetics.study.limits import INTERVAL, LEFT, OBSERVED, RIGHT

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

FLAGS = ("exact", "above", "below", "between", "unknown")


def courses(readings: Readings, *, multiple: float = 2.0, auc_days: float = 28.0) -> pd.DataFrame:
    """Summarise every treated subject's course of every analyte.

    Parameters
    ----------
    readings : Readings
    multiple : float              return: below so many times the baseline
    auc_days : float, day         the area runs from day 0 to here

    Returns
    -------
    DataFrame                     a row a subject and analyte, with ``reason`` where something
                                  cannot be given. ``X_lower`` and ``X_upper`` are bounds of X,
                                  ``X_flag`` says how they are to be read (``FLAGS``):

        baseline                  last reading before the infusion (a reading at the very time of
                                  the infusion counts as before it), baseline_day
        peak                      largest reading after the infusion; peak_day is the first day of
                                  the largest lower bound, between peak_day_lower and _upper
        fold                      peak / baseline
        auc                       linear trapezoids from the infusion, where the baseline stands,
                                  to auc_until: ``auc_days``, or the last reading if it is earlier
        return_lower              last day up to which, from the peak on, every reading is known to
                                  lie at or above ``multiple`` times the baseline
        return_upper              first day after it that is known to lie below; inf: not seen
        return_possible           first day after the peak that may lie below (a limit hides it)
        elevated                  "yes", "no" or "unknown": did the peak reach the multiple?
    """
    table = readings.table
    pairs = pd.MultiIndex.from_product(
        [readings.analytes, readings.subjects], names=["analyte", "subject"]
    )
    group = _codes(table["analyte"], readings.analytes) * len(readings.subjects)
    group += _codes(table["subject"], readings.subjects)
    time, first = (table[c].to_numpy(np.float64) for c in ("time", "first"))
    lower, upper = (table[c].to_numpy(np.float64) for c in ("lower", "upper"))
    kind = table["kind"].to_numpy()
    before = time <= first
    out: dict[str, Floats | NDArray[np.object_] | Ints] = _counts(group, before, kind, len(pairs))

    at = _last(group, before, len(pairs))
    for name, column in (("lower", lower), ("upper", upper), ("day", time)):
        out[f"baseline_{name}"] = _take(column, at)
    base_low, base_high = _take(lower, at), _take(upper, at)

    peak_low = _extreme(np.maximum, lower, group, ~before, len(pairs))
    peak_high = _extreme(np.maximum, upper, group, ~before, len(pairs))
    out |= {"peak_lower": peak_low, "peak_upper": peak_high}
    out |= _peak_day(time, lower, upper, group, ~before, peak_low)
    out |= _fold(base_low, base_high, peak_low, peak_high)
    out |= _area(time - first, lower, upper, group, at, before, auc_days, len(pairs))
    out |= _return(
        (time, lower, upper, kind, group),
        multiple * base_low,
        multiple * base_high,
        (
            np.asarray(out["peak_day_lower"], dtype=np.float64),
            np.asarray(out["peak_day_upper"], dtype=np.float64),
        ),
        (peak_low, peak_high),
    )
    frame = pd.DataFrame(out, index=pairs).reset_index()
    for name in ("baseline", "peak", "fold", "auc"):
        frame[f"{name}_flag"] = flags(frame[f"{name}_lower"], frame[f"{name}_upper"])
    frame["reason"] = _reasons(frame, auc_days)
    columns = ["subject", *(name for name in frame.columns if name != "subject")]
    return frame[columns]


def flags(lower: pd.Series, upper: pd.Series) -> NDArray[np.object_]:
    """Say how bounds are to be read: exact, above (lower), below (upper), between, unknown."""
    low, high = lower.to_numpy(np.float64), upper.to_numpy(np.float64)
    cases = [
        np.isnan(low),
        low == high,
        (low <= 0) & np.isposinf(high),
        np.isposinf(high),
        low <= 0,
    ]
    names = np.array([None, "exact", "unknown", "above", "below", "between"], dtype=object)
    return np.asarray(names[np.select(cases, range(5), default=5)], dtype=object)


def ratio_bounds(
    low: Floats, high: Floats, base_low: Floats, base_high: Floats
) -> tuple[Floats, Floats]:
    """Bounds of a ratio whose parts lie between bounds; NaN where a part is missing.

    Over a base that may be 0 the ratio has no upper bound; a ratio too large for a number is above
    the largest number.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lower = np.minimum(low / base_high, np.finfo(np.float64).max)
        upper = np.where((base_low == 0) & (high >= 0), np.inf, high / base_low)
    return lower, upper


def _codes(values: pd.Series, names: tuple[str, ...]) -> Ints:
    return np.asarray(pd.Categorical(values, names).codes, dtype=np.int64)


def _counts(
    group: Ints, before: NDArray[np.bool_], kind: Ints, size: int
) -> dict[str, Floats | NDArray[np.object_] | Ints]:
    """Readings of every group: how many, and how many below, above and between limits."""
    wanted = {
        "n_before": before,
        "n_after": ~before,
        "n_below": kind == LEFT,
        "n_above": kind == RIGHT,
        "n_between": kind == INTERVAL,
    }
    return {k: np.bincount(group[rows], minlength=size) for k, rows in wanted.items()}


def _last(group: Ints, rows: NDArray[np.bool_], size: int) -> Ints:
    """Position of the last of some rows in every group, -1 where there is none."""
    at = np.full(size, -1, dtype=np.int64)
    at[group[rows]] = np.flatnonzero(rows)  # rows are in order of time: the last one stays
    return at


def _take(values: Floats, at: Ints) -> Floats:
    taken = np.full(len(at), np.nan)
    taken[at >= 0] = values[at[at >= 0]]
    return taken


def _extreme(
    function: np.ufunc, values: Floats, group: Ints, rows: NDArray[np.bool_], size: int
) -> Floats:
    """Largest (or smallest) value of some rows in every group, NaN where there is none."""
    out = np.full(size, np.nan)
    own, of = values[rows], group[rows]
    if len(of):
        starts = np.flatnonzero(np.r_[True, np.diff(of) != 0])
        out[of[starts]] = function.reduceat(own, starts)
    return out


def _peak_day(
    time: Floats,
    lower: Floats,
    upper: Floats,
    group: Ints,
    after: NDArray[np.bool_],
    peak_low: Floats,
) -> dict[str, Floats]:
    size, own = len(peak_low), peak_low[group]
    largest = after & (lower == own) & (lower > 0)
    day = _extreme(np.minimum, time, group, largest, size)
    could = after & ((upper > own) | (largest & (time == day[group])))
    return {
        "peak_day": day,
        "peak_day_lower": _extreme(np.minimum, time, group, could, size),
        "peak_day_upper": _extreme(np.maximum, time, group, could, size),
    }


def _fold(base_low: Floats, base_high: Floats, low: Floats, high: Floats) -> dict[str, Floats]:
    """Bounds of peak / baseline; none where the baseline is a zero as read."""
    fold_low, fold_high = ratio_bounds(low, high, base_low, base_high)
    nothing = base_high == 0
    return {
        "fold_lower": np.where(nothing, np.nan, fold_low),
        "fold_upper": np.where(nothing, np.nan, fold_high),
    }


def _area(
    day: Floats,
    lower: Floats,
    upper: Floats,
    group: Ints,
    at: Ints,
    before: NDArray[np.bool_],
    until: float,
    size: int,
) -> dict[str, Floats]:
    """Linear trapezoids over the lower and over the upper bounds; the baseline stands at day 0."""
    is_baseline = np.zeros(len(day), dtype=bool)
    is_baseline[at[at >= 0]] = True
    used = (~before | is_baseline) & (at >= 0)[group]
    t, g = np.where(is_baseline, 0.0, day)[used], group[used]
    same = g[1:] == g[:-1]
    start, stop = t[:-1][same], t[1:][same]
    end = np.minimum(stop, until)
    width = np.clip(end - start, 0.0, None)
    to = np.full(size, -np.inf)
    np.maximum.at(to, g[1:][same], end)
    out = {}
    for name, values in (("lower", lower[used]), ("upper", upper[used])):
        left, right = values[:-1][same], values[1:][same]
        share = np.divide(end - start, stop - start, out=np.zeros(len(end)), where=stop > start)
        inside = width > 0  # a reading above its limit past the window adds nothing, not inf * 0
        at_end = np.where(share >= 1, right, left + (_finite(right) - _finite(left)) * share)
        at_end = np.where((share < 1) & (np.isinf(left) | np.isinf(right)), np.inf, at_end)
        piece = np.zeros(len(end))
        piece[inside] = width[inside] * (left[inside] + at_end[inside]) / 2
        out[f"auc_{name}"] = np.bincount(g[1:][same], piece, minlength=size)
    nothing = ~np.isfinite(to) | (to <= 0)
    out = {name: np.where(nothing, np.nan, value) for name, value in out.items()}
    return out | {"auc_until": np.where(nothing, np.nan, to)}


def _finite(values: Floats) -> Floats:
    return np.where(np.isinf(values), 0.0, values)


def _return(
    rows: tuple[Floats, Floats, Floats, NDArray[np.int64], Ints],
    low: Floats,
    high: Floats,
    peak_day: tuple[Floats, Floats],
    peak: tuple[Floats, Floats],
) -> dict[str, Floats | NDArray[np.object_]]:
    """First day after the peak below a threshold that lies between ``low`` and ``high``.

    Where limits hide the peak's day, the lower bound counts from the first day that may be it and
    the upper from the last.
    """
    time, lower, upper, kind, group = rows
    size, known = len(low), ~np.isnan(low) & ~np.isnan(peak[0])
    surely = known & (peak[0] >= high) & (high > 0)
    never = known & ((peak[1] < low) | ((peak[1] == low) & (peak[0] < peak[1])))
    above = lower >= high[group]
    below = (upper < low[group]) | ((upper == low[group]) & (kind != OBSERVED))
    first, last = (day[group] for day in peak_day)
    risen = surely[group]
    possible = _extreme(np.minimum, time, group, risen & (time > first) & ~above, size)
    seen = _extreme(np.minimum, time, group, risen & (time > last) & below, size)
    # Up to the reading before the first that may lie below.
    bound = np.where(np.isnan(possible), np.inf, possible)
    held = risen & (time >= first) & (time < bound[group])
    names = np.array(["yes", "no", "unknown", None], dtype=object)
    return {
        "elevated": names[np.select([surely, never, known], [0, 1, 2], default=3)],
        "return_lower": _extreme(np.maximum, time, group, held, size),
        "return_upper": np.where(surely & np.isnan(seen), np.inf, seen),
        "return_possible": possible,
    }


def _reasons(frame: pd.DataFrame, auc_days: float) -> NDArray[np.object_]:
    """What cannot be given, and why, in words; None where all can."""
    short = frame["auc_until"] < auc_days
    cases = (
        ("no reading", (frame["n_before"] == 0) & (frame["n_after"] == 0)),
        ("no reading before the infusion", (frame["n_before"] == 0) & (frame["n_after"] > 0)),
        ("no reading after the infusion", (frame["n_before"] > 0) & (frame["n_after"] == 0)),
        ("no reading after the infusion above its limit", frame["peak_flag"] == "below"),
        ("the baseline is a zero", frame["baseline_upper"] == 0),
        (f"the area ends before day {auc_days:g}", short),
    )
    words = np.full(len(frame), None, dtype=object)
    for text, here in cases:
        rows = here.to_numpy()
        words[rows] = [text if word is None else f"{word}; {text}" for word in words[rows]]
    return words
