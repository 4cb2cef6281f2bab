"""Readings brought to visits: one a subject and visit, the nearest to the visit's day."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.errors import SpecError
from cellkinetics.outcome.cytokine_readings import Readings

type Floats = NDArray[np.float64]

# The registered schedule: days after the infusion up to 12 months.
SCHEDULE = (1.0, 4.0, 7.0, 10.0, 14.0, 21.0, 28.0, 60.0, 90.0, 180.0, 270.0, 365.0)
LATE = 30.0  # days: the last visit's window ends at most so long after it
BASELINE = 0.0


def windows(days: Sequence[float]) -> pd.DataFrame:
    """Windows of visits: each reaches half-way to its neighbours.

    Parameters
    ----------
    days : sequence of float      target days, increasing, after the infusion

    Returns
    -------
    DataFrame                     visit (target day), after, until: after < day <= until. The
                                  last window reaches as far past its day as before it, at most 30
                                  days

    Raises
    ------
    SpecError                     days that do not increase, or not after 0
    """
    target = np.asarray(days, dtype=np.float64)
    ordered = target.ndim == 1 and np.isfinite(target).all() and (np.diff(target) > 0).all()
    if not (ordered and len(target) and target[0] > 0):
        raise SpecError(
            f"visits {', '.join(map(str, days)) or '(none)'}: wanted days after the infusion "
            "(> 0) in increasing order, such as 7, 14, 28, 90."
        )
    middle = (target[1:] + target[:-1]) / 2
    after = np.r_[0.0, middle]
    last = target[-1] + min(target[-1] - after[-1], LATE)
    return pd.DataFrame({"visit": target, "after": after, "until": np.r_[middle, last]})


def at_visits(readings: Readings, days: Sequence[float]) -> pd.DataFrame:
    """Choose one reading for every subject, analyte and visit.

    The baseline (visit 0) is the last reading before the infusion; another visit takes the reading
    of its window that is nearest to its day, the earlier one of two that are equally near.

    Parameters
    ----------
    readings : Readings
    days : sequence of float      target days after the infusion

    Returns
    -------
    DataFrame                     the chosen rows of ``readings.table``, with visit
    """
    table, window = readings.table, windows(days)
    since = (table["time"] - table["first"]).to_numpy(np.float64)
    inner = np.searchsorted(window["until"].to_numpy(), since, side="left")
    visit = np.r_[window["visit"], np.nan][inner]
    visit = np.where(since <= 0, BASELINE, visit)
    # Before the infusion the nearest is the last.
    marked = table.assign(visit=visit, away=np.abs(since - visit))[~np.isnan(visit)]
    best = marked.sort_values(["away", "time"], kind="stable").drop_duplicates(
        ["subject", "analyte", "visit"]
    )
    return best.sort_index().drop(columns="away")


def log_bounds(
    chosen: pd.DataFrame, analyte: str, visits: Sequence[float]
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Bounds of one analyte's log readings as a table of subjects by visits.

    Returns
    -------
    tuple of str                  subjects with at least one reading
    array (subject, visit)        lower, natural log; -inf below a limit, NaN where not measured
    array (subject, visit)        upper; equal to lower where it was read, inf above a limit
    """
    rows = chosen[chosen["analyte"] == analyte]
    subjects = tuple(dict.fromkeys(rows["subject"]))
    i = pd.Categorical(rows["subject"], subjects).codes
    j = np.searchsorted(np.asarray(visits), rows["visit"].to_numpy())
    bounds = []
    for name in ("lower", "upper"):
        grid = np.full((len(subjects), len(visits)), np.nan)
        with np.errstate(divide="ignore"):
            grid[i, j] = np.log(rows[name].to_numpy(np.float64))
        bounds.append(grid)
    return subjects, bounds[0], bounds[1]
