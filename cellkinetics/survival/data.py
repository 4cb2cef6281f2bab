"""What every estimator takes: a time and whether it ended in the event, checked once."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellkinetics.errors import CellKineticsError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Times closer than this (relative to their mean, or in days) are one time: 30.1 - 10.1 is 20.
# The tolerance and the rule are those of aeqSurv in R's package survival.
TIE = float(np.sqrt(np.finfo(np.float64).eps))


class SurvivalError(CellKineticsError):
    """A time-to-event question that cannot be asked of these data."""


def times_and_events(time: ArrayLike, event: ArrayLike) -> tuple[Floats, Flags]:
    """Check times and events and make nearly equal times equal.

    Parameters
    ----------
    time : array (subject,), day    from time zero, at least 0
    event : array (subject,)        1 (True) the event happened then, 0 (False) censored then

    Returns
    -------
    time : float array, event : bool array

    Raises
    ------
    SurvivalError                   if there is no subject, a time is missing, negative or infinite,
                                    or an event is neither 0 nor 1
    """
    times = np.asarray(time, dtype=np.float64)
    events = np.asarray(event, dtype=np.float64)
    if times.ndim != 1 or times.shape != events.shape:
        raise SurvivalError(
            f"times {times.shape} and events {events.shape}: wanted two lists of one length."
        )
    if not len(times):
        raise SurvivalError("no subject: a survival estimate needs at least one.")
    wrong = ~np.isfinite(times) | (times < 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise SurvivalError(
            f"time {times[at]:g} in row {at + 1}: wanted days from time zero, 0 or more. "
            "Leave out who has no time, and say so."
        )
    odd = ~np.isin(events, (0.0, 1.0))
    if odd.any():
        at = int(np.argmax(odd))
        raise SurvivalError(
            f"event {events[at]:g} in row {at + 1}: wanted 1 (event) or 0 (censored). "
            "CDISC's CNSR counts the other way round: event = (CNSR == 0)."
        )
    return _tied(times), events == 1.0


def _tied(times: Floats) -> Floats:
    """Give times that differ by rounding alone one value, the earliest of them."""
    unique, place = np.unique(times, return_inverse=True)
    gaps = np.diff(unique)
    same = (gaps <= TIE) | (gaps <= TIE * np.abs(times).mean())
    if not same.any():
        return times
    starts = np.concatenate(([True], ~same))
    return np.asarray(unique[starts][np.cumsum(starts) - 1][place], dtype=np.float64)


def level_checked(level: float) -> float:
    """Return the level of an interval, between 0 and 1.

    Raises
    ------
    SurvivalError                   if it is not, 95 in place of 0.95 for one
    """
    if not 0 < level < 1:
        raise SurvivalError(f"level {level:g}: wanted a number between 0 and 1, such as 0.95.")
    return level


def groups_checked(group: ArrayLike, count: int, what: str = "group") -> NDArray[Any]:
    """Check labels (one a subject, none missing) and return them as an array of objects."""
    labels = np.asarray(group, dtype=object)
    if labels.shape != (count,):
        raise SurvivalError(f"{what}: {labels.shape} labels for {count} subjects.")
    missing = np.asarray(pd.isna(labels), dtype=bool)
    if missing.any():
        raise SurvivalError(
            f"{what} is missing in row {int(np.argmax(missing)) + 1}: leave that subject out, "
            "and say so."
        )
    return labels
