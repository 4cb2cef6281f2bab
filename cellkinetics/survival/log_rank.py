"""The log-rank test of two or more groups, in strata if there are any."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from cellkinetics.survival.data import (
    Flags,
    Floats,
    SurvivalError,
    groups_checked,
    times_and_events,
)


@dataclass(frozen=True)
class LogRank:
    """Result: ``groups`` has group, n, observed, expected; p from chi-square on ``df``.

    ``note`` says why ``p`` is NaN (no event while two groups were at risk), or that it is
    approximate here.
    """

    chi_square: float
    df: int
    p: float
    groups: pd.DataFrame
    note: str = ""


def log_rank(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, *, strata: ArrayLike | None = None
) -> LogRank:
    """Test whether groups have one survival curve.

    The groups must be known at time zero: :mod:`cellkinetics.outcome.survival.compare` asks.

    Parameters
    ----------
    time : array (subject,), day
    event : array (subject,)      1 event, 0 censored
    group : array (subject,)      labels, at least two
    strata : array (subject,), optional

    Returns
    -------
    LogRank                       hypergeometric variance, as R's survdiff

    Raises
    ------
    SurvivalError                 if there are fewer than two groups or a label is missing
    """
    times, events = times_and_events(time, event)
    labels = groups_checked(group, len(times))
    layer = groups_checked(np.zeros(len(times)) if strata is None else strata, len(times), "strata")
    names = sorted(set(labels.tolist()), key=lambda x: (str(type(x)), x))
    if len(names) < 2:
        raise SurvivalError(f"a log-rank test of one group ({names[0]}): wanted two or more.")
    member = np.array([[label == name for name in names] for label in labels], dtype=np.float64)
    observed, expected = np.zeros(len(names)), np.zeros(len(names))
    variance = np.zeros((len(names), len(names)))
    for stratum in set(layer.tolist()):
        here = layer == stratum
        parts = _stratum(times[here], events[here], member[here])
        observed, expected, variance = (
            total + part for total, part in zip((observed, expected, variance), parts, strict=True)
        )
    # The differences add up to 0 (in each stratum): the rank says how many are free.
    df = int(np.linalg.matrix_rank(variance, hermitian=True)) if variance.any() else 0
    table = pd.DataFrame(
        {
            "group": names,
            "n": member.sum(axis=0).astype(np.int64),
            "observed": observed.astype(np.int64),
            "expected": expected,
        }
    )
    if df == 0:
        nan = float("nan")
        return LogRank(nan, 0, nan, table, "no event while two groups were at risk")
    difference = observed - expected
    chi_square = float(difference @ np.linalg.pinv(variance, hermitian=True) @ difference)
    few = float(expected[np.diag(variance) > 0].min()) < 5
    note = "fewer than 5 events expected in a group: p is approximate" if few else ""
    return LogRank(chi_square, df, float(chdtrc(df, chi_square)), table, note)


def _stratum(times: Floats, events: Flags, member: Floats) -> tuple[Floats, Floats, Floats]:
    """Observed, expected and their covariance within one stratum."""
    order = np.argsort(times, kind="stable")
    times, events, member = times[order], events[order], member[order]
    at = np.unique(times[events])
    first = np.searchsorted(times, at, side="left")
    after = np.searchsorted(times, at, side="right")
    remaining = np.vstack((np.cumsum(member[::-1], axis=0)[::-1], np.zeros(member.shape[1])))
    deaths = np.vstack((np.zeros(member.shape[1]), np.cumsum(member * events[:, None], axis=0)))
    at_risk = remaining[first]
    died = deaths[after] - deaths[first]
    total, d = at_risk.sum(axis=1), died.sum(axis=1)
    share = at_risk / total[:, None]
    weight = np.where(total > 1, d * (total - d) / np.maximum(total - 1, 1), 0.0)
    variance = np.diag(weight @ share) - (share * weight[:, None]).T @ share
    return died.sum(axis=0), d @ share, variance
