"""Cumulative incidence with competing events: Aalen and Johansen's estimate.

Own code: lifelines labels its interval's ends the wrong way round and breaks ties at random.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellkinetics.survival.data import TIE, Floats, SurvivalError, times_and_events
from cellkinetics.survival.intervals import ConfType, interval
from cellkinetics.survival.kaplan_meier import Estimate, row_at

INCIDENCE_COLUMNS = ("time", "at_risk", "events", "competing", "censored", "incidence", "std_error")


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of one cause.

    ``curve`` has ``INCIDENCE_COLUMNS`` and lower, upper: a row for time 0 and for every time of an
    event or a censoring.
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
        return f"Aalen-Johansen, delta method, {self.conf_type} interval"


def cumulative_incidence(
    time: ArrayLike,
    cause: ArrayLike,
    *,
    of: int = 1,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
) -> Incidence:
    """Probability of having had the event of interest by each time, others competing.

    One minus Kaplan-Meier with the competing events censored overstates it.

    Parameters
    ----------
    time : array (subject,), day
    cause : array (subject,)      0 censored, else the number of the event
    of : int                      the event of interest
    conf_type : "log-log", "log" or "plain"     scale of the interval, of the incidence itself
    level : float

    Returns
    -------
    Incidence

    Raises
    ------
    SurvivalError                 see :func:`times_and_events`; or a cause is no whole number >= 0

    Source
    ------
    Marubini and Valsecchi 1995, section 10.4 (variance); Choudhury 2002 (scales of the interval).
    """
    causes = np.asarray(cause, dtype=np.float64)
    if not (np.isfinite(causes).all() and (causes >= 0).all() and (causes == causes // 1).all()):
        raise SurvivalError("cause: wanted 0 (censored) or the number of the event, 1, 2 ...")
    times, _ = times_and_events(time, causes > 0)
    grid = np.unique(np.concatenate(([0.0], times)))
    place = np.searchsorted(grid, times)
    size = len(grid)
    ours = np.bincount(place, weights=causes == of, minlength=size)
    other = np.bincount(place, weights=(causes > 0) & (causes != of), minlength=size)
    censored = np.bincount(place, weights=causes == 0, minlength=size)
    gone = ours + other + censored
    at_risk = len(times) - np.concatenate(([0.0], np.cumsum(gone)[:-1]))
    all_events = ours + other
    free = np.cumprod(1 - all_events / at_risk)
    before = np.concatenate(([1.0], free[:-1]))
    incidence = np.cumsum(before * ours / at_risk)
    error = np.sqrt(_variance(incidence, before, at_risk, ours, all_events))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_error = np.where(incidence > 0, error / incidence, 0.0)
    lower, upper = interval(incidence, log_error, conf_type, level)
    unknown = (incidence == 0) | (error == 0)
    curve = pd.DataFrame(
        {
            "time": grid,
            "at_risk": at_risk.astype(np.int64),
            "events": ours.astype(np.int64),
            "competing": other.astype(np.int64),
            "censored": censored.astype(np.int64),
            "incidence": incidence,
            "std_error": error,
            "lower": np.where(unknown, np.nan, lower),
            "upper": np.where(unknown, np.nan, upper),
        }
    )
    return Incidence(curve, len(times), int(ours.sum()), conf_type, level)


def _variance(
    incidence: Floats, before: Floats, at_risk: Floats, ours: Floats, events: Floats
) -> Floats:
    """Variance of the incidence at every time, by the delta method.

    At each event time the counts are multinomial. With D = I(t) - I_j, one event of ours more
    changes I(t) by S_j- / n_j - D / (n_j - d_j), another by -D / (n_j - d_j). Added up this is
    Marubini and Valsecchi's formula; as a sum of squares it loses no digits where it nears 0.
    """
    at = np.flatnonzero(events)
    n, d, rate = at_risk[at], events[at], before[at] / at_risk[at]
    one, other = ours[at] / n, (d - ours[at]) / n
    # Where all at risk have an event the incidence rises no more: D is 0 there.
    per_left = np.divide(1.0, n - d, out=np.zeros(len(at)), where=n > d)
    steps = np.zeros(len(at))
    for i, here in enumerate(at):
        known = slice(0, i + 1)
        loss = (incidence[here] - incidence[at[known]]) * per_left[known]
        gain = rate[known] - loss
        mean = one[known] * gain - other[known] * loss
        spread = one[known] * (gain - mean) ** 2 + other[known] * (loss + mean) ** 2
        spread += (1 - one[known] - other[known]) * mean**2
        steps[i] = n[known] @ spread
    since = np.searchsorted(at, np.arange(len(incidence)), side="right")
    return np.concatenate(([0.0], steps))[since]


def incidence_at(estimate: Incidence, time: float) -> Estimate:
    """Cumulative incidence at a landmark; NaN past the last follow-up while some are event-free."""
    curve = estimate.curve
    last = curve.iloc[-1]
    if time > estimate.last * (1 + TIE) and last["censored"] > 0:
        nan = float("nan")
        return Estimate(nan, nan, nan, f"nobody was followed beyond day {estimate.last:g}")
    row = row_at(curve, time)
    note = "no interval on this scale" if np.isnan(row["lower"]) else ""
    return Estimate(float(row["incidence"]), float(row["lower"]), float(row["upper"]), note)
