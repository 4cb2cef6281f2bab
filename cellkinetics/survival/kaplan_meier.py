"""Kaplan and Meier's estimate: the curve, its intervals, medians and landmarks, who is at risk."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellkinetics.survival.data import (
    TIE,
    Flags,
    Floats,
    SurvivalError,
    times_and_events,
)
from cellkinetics.survival.intervals import ConfType, interval

CURVE_COLUMNS = (
    "time",
    "at_risk",
    "events",
    "censored",
    "survival",
    "std_error",
    "lower",
    "upper",
)


@dataclass(frozen=True)
class KaplanMeier:
    """A survival curve.

    ``curve`` has ``CURVE_COLUMNS``, a row for time 0 and one for every time of an event or a
    censoring: ``survival`` holds from that time on; ``at_risk`` is counted just before it.
    ``std_error`` is Greenwood's, of the survival itself.
    """

    curve: pd.DataFrame
    n: int
    events: int
    conf_type: ConfType
    level: float

    @property
    def last(self) -> float:
        """Longest time under observation."""
        return float(self.curve["time"].iloc[-1])

    @property
    def method(self) -> str:
        """How the numbers were computed, in words."""
        return f"Kaplan-Meier, Greenwood, {self.conf_type} interval"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where it cannot be given, with the reason in ``note``."""

    value: float
    lower: float
    upper: float
    note: str = ""


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
) -> KaplanMeier:
    """Kaplan-Meier estimate. At one time, events come before censorings.

    Parameters
    ----------
    time : array (subject,), day
    event : array (subject,)      1 event, 0 censored
    conf_type : "log-log", "log" or "plain"
    level : float                 of the pointwise intervals

    Returns
    -------
    KaplanMeier

    Raises
    ------
    SurvivalError                 see :func:`times_and_events`
    """
    times, events = times_and_events(time, event)
    curve = _counts(times, events)
    at_risk, happened = curve["at_risk"].to_numpy(), curve["events"].to_numpy()
    with np.errstate(divide="ignore"):
        greenwood = np.where(happened > 0, happened / (at_risk * (at_risk - happened)), 0.0)
    survival = np.cumprod(1 - happened / at_risk)
    log_error = np.sqrt(np.cumsum(greenwood))
    lower, upper = interval(survival, log_error, conf_type, level)
    curve["survival"] = survival
    # At S = 0 Greenwood's formula is 0 times infinity: not estimable, not 0.
    curve["std_error"] = survival * np.where(survival > 0, log_error, np.nan)
    curve["lower"], curve["upper"] = lower, upper
    return KaplanMeier(curve, len(times), int(events.sum()), conf_type, level)


def _counts(times: Floats, events: Flags) -> pd.DataFrame:
    """Count at every distinct time who was at risk, had the event or was censored."""
    grid = np.unique(np.concatenate(([0.0], times)))
    place = np.searchsorted(grid, times)
    happened = np.bincount(place, weights=events, minlength=len(grid))
    censored = np.bincount(place, weights=~events, minlength=len(grid))
    left = np.concatenate(([0.0], np.cumsum(happened + censored)[:-1]))
    return pd.DataFrame(
        {
            "time": grid,
            "at_risk": (len(times) - left).astype(np.int64),
            "events": happened.astype(np.int64),
            "censored": censored.astype(np.int64),
        }
    )


def quantile(km: KaplanMeier, probability: float = 0.5) -> Estimate:
    """Time by which a fraction has had the event, with Brookmeyer and Crowley's interval.

    Where the curve stays exactly at the level over a time, the middle of that time is given, as R's
    print.survfit does. The interval's ends are where the pointwise bands cross the level.

    Parameters
    ----------
    km : KaplanMeier
    probability : float           0.5 for the median

    Returns
    -------
    Estimate                      in days; NaN where the curve or its band does not come so far
    """
    if not 0 < probability < 1:
        raise SurvivalError(f"probability {probability:g}: wanted a number between 0 and 1.")
    target = 1 - probability
    time = km.curve["time"].to_numpy()
    value, lower, upper = (
        _crossing(time, km.curve[name].to_numpy(), target)
        for name in ("survival", "lower", "upper")
    )
    notes = []
    if np.isnan(value):
        notes.append(f"not reached: survival is {km.curve['survival'].iloc[-1]:.3g} at the end")
    for end, name in ((lower, "lower"), (upper, "upper")):
        if np.isnan(end):
            notes.append(f"no {name} limit")
    return Estimate(value, lower, upper, "; ".join(notes))


def _crossing(time: Floats, height: Floats, target: float) -> float:
    """First time at which a falling step function is at or below the target."""
    with np.errstate(invalid="ignore"):
        below = np.flatnonzero(height < target + TIE)  # NaN is not below
    if not len(below):
        return float("nan")
    first = below[0]
    if abs(height[first] - target) < TIE:
        lower = below[height[below] < height[first]]
        if len(lower):
            return float((time[first] + time[lower[0]]) / 2)
    return float(time[first])


def survival_at(km: KaplanMeier, time: float) -> Estimate:
    """Survival probability at a landmark.

    Returns
    -------
    Estimate                      NaN past the last follow-up, unless the curve is at 0 by then
    """
    curve = km.curve
    reached = float(curve["survival"].iloc[-1])
    if time > km.last * (1 + TIE) and reached > 0:
        nan = float("nan")
        return Estimate(nan, nan, nan, f"nobody was followed beyond day {km.last:g}")
    row = row_at(curve, time)
    note = ""
    if np.isnan(row["lower"]):
        note = "no event yet" if row["survival"] == 1 else "everyone has had the event"
        note = f"{note}: no interval on this scale"
    return Estimate(float(row["survival"]), float(row["lower"]), float(row["upper"]), note)


def row_at(curve: pd.DataFrame, time: float) -> pd.Series:
    """Row of a step curve that holds at a time."""
    return curve.iloc[int(np.searchsorted(curve["time"], time * (1 + TIE), side="right")) - 1]


def at_risk(km: KaplanMeier, times: ArrayLike) -> pd.DataFrame:
    """Who is at risk at given times, and what happened up to and including them.

    Parameters
    ----------
    km : KaplanMeier
    times : array, day            at least 0

    Returns
    -------
    DataFrame                     time, at_risk (just before it), events, censored (up to it)
    """
    asked = np.asarray(times, dtype=np.float64)
    curve = km.curve
    place = np.searchsorted(curve["time"], asked * (1 - TIE), side="left")
    counts = np.append(curve["at_risk"].to_numpy(), 0)
    upto = np.searchsorted(curve["time"], asked * (1 + TIE), side="right")
    cumulative = np.concatenate(
        (np.zeros((1, 2), dtype=np.int64), curve[["events", "censored"]].cumsum().to_numpy())
    )
    return pd.DataFrame(
        {
            "time": asked,
            "at_risk": counts[place],
            "events": cumulative[upto, 0],
            "censored": cumulative[upto, 1],
        }
    )
