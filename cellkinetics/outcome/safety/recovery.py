"""Recovery of blood counts as time to event, and cytopenia that lasts.

Source
------
Recovery after the nadir: definition of engraftment by ASTCT (0.5 neutrophils, 20 platelets without
transfusion for 7 days; there as the first of three successive days, here of the counts there are).
Grades of cytopenia: CTCAE v5.0.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cellkinetics.outcome.counts import TRANSFUSION_DAYS, counts
from cellkinetics.outcome.treated import last_days, treated
from cellkinetics.study.study import Study

THRESHOLDS = (
    ("anc", 0.5),
    ("anc", 1.0),
    ("platelets", 20.0),
    ("platelets", 50.0),
    ("platelets", 100.0),
)
NADIR_DAYS = 28.0
RECOVERED, DEATH, TRANSPLANT, CENSORED = "recovered", "death", "transplant", "censored"

# Least count that is not grade 3 or 4, and not grade 4.
CYTOPENIA = {"anc": (1.0, 0.5), "platelets": (50.0, 25.0)}
WINDOWS = {28: 7.0, 90: 14.0}  # day -> how far from it a count may lie

RULES = f"""\
Recovery: the first count at or above the threshold after the nadir, which is the lowest count from
day 0 to day {NADIR_DAYS:g} (the last count before the infusion if there is none); time from the
infusion to the day of that count. Platelets count without a transfusion in the {TRANSFUSION_DAYS:g}
days before; where transfusions are not recorded the count is taken as untransfused. Death and
transplant compete; else censored at the last count. A subject whose nadir is not below the
threshold was never at risk and is left out, and so is one without counts; both are listed.
Option confirmed: the next count (for platelets, untransfused) must reach the threshold too; the day
is that of the first of the two.
Prolonged cytopenia (CTCAE v5.0: grade 3 or 4 neutrophils under 1.0, platelets under 50; grade 4
under 0.5 and 25, 10^9/L): by the count nearest to day 28 (within {WINDOWS[28]:g} days) and day 90
(within {WINDOWS[90]:g}); platelets that were transfused and are not below do not count. Counts
after a transplant or a death do not count; the denominator is who has a count that does."""

COLUMNS = ("subject", "count", "threshold", "time", "kind", "at_risk", "nadir", "reason")


class _Series(NamedTuple):
    time: Any
    low: Any
    high: Any
    transfused: Any


def recovery(study: Study, *, confirmed: bool = False, cutoff: float | None = None) -> pd.DataFrame:
    """Time to recovery of every count and threshold, for every treated subject.

    Parameters
    ----------
    study : Study
    confirmed : bool              the next count must reach the threshold too
    cutoff : float, day           a data cut

    Returns
    -------
    DataFrame, by count, threshold and subject:
        subject, count, threshold (10^9/L)
        time, kind                day, and "recovered", "death", "transplant" or "censored"; missing
                                  where the subject was not at risk
        at_risk                   the nadir was below the threshold
        nadir                     10^9/L
        reason
    """
    last = last_days(study, cutoff).to_dict()
    ends = _competing(study)
    rows = []
    series = {name: _series(study, name) for name in CYTOPENIA}
    for name, threshold in THRESHOLDS:
        for subject in treated(study):
            own = series[name].get(subject)
            row = {"subject": subject, "count": name, "threshold": threshold}
            rows.append(row | _recover(own, threshold, ends.get(subject), last[subject], confirmed))
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    return out.astype({"time": float, "nadir": float, "at_risk": bool})


def prolonged(study: Study, *, cutoff: float | None = None) -> pd.DataFrame:
    """Cytopenia at day 28 and day 90.

    Returns
    -------
    DataFrame, by count, day and subject: subject, count, day, time (of the count), value (10^9/L,
    its upper bound where it was below a limit), grade_3_4, grade_4 (True, False or missing), reason
    """
    last = last_days(study, cutoff).to_dict()
    ends = _competing(study)
    rows = []
    for name, (mild, severe) in CYTOPENIA.items():
        series = _series(study, name)
        for day, width in WINDOWS.items():
            for subject in treated(study):
                row: dict[str, Any] = {"subject": subject, "count": name, "day": day}
                until = min(last[subject], ends.get(subject, (np.inf, ""))[0])
                rows.append(row | _at(series.get(subject), day, width, until, mild, severe))
    out = pd.DataFrame(
        rows,
        columns=["subject", "count", "day", "time", "value", "grade_3_4", "grade_4", "reason"],
    )
    return out.astype({"time": float, "value": float, "grade_3_4": "boolean", "grade_4": "boolean"})


def _series(study: Study, name: str) -> dict[str, _Series]:
    rows = counts(study, name)  # sorted by subject
    subjects = rows["subject"].to_numpy()
    edges = np.flatnonzero(subjects[1:] != subjects[:-1]) + 1
    parts = zip(
        np.split(subjects, edges),
        *(
            np.split(rows[column].to_numpy(dtype=np.float64), edges)
            for column in ("time", "at_least", "at_most")
        ),
        np.split(rows["transfused"].fillna(False).to_numpy(dtype=bool), edges),
        strict=True,
    )
    return {str(who[0]): _Series(*series) for who, *series in parts if len(who)}


def _competing(study: Study) -> dict[str, tuple[float, str]]:
    """First death or transplant after the infusion."""
    events = study.events[study.events["event"].isin([DEATH, TRANSPLANT])]
    out: dict[str, tuple[float, str]] = {}
    for subject, time, event in events.sort_values("time", kind="stable")[
        ["subject", "time", "event"]
    ].itertuples(index=False):
        out.setdefault(subject, (float(time), event))
    return out


def _recover(
    own: _Series | None,
    threshold: float,
    end: tuple[float, str] | None,
    last: float,
    confirmed: bool,
) -> dict[str, Any]:
    nothing = {"time": np.nan, "kind": None, "at_risk": False, "nadir": np.nan}
    stop, kind = end if end is not None and end[0] <= last else (last, CENSORED)
    own = None if own is None else _Series(*(part[own.time <= stop] for part in own))
    if own is None or not len(own.time):
        return nothing | {"reason": "no counts"}
    early = (own.time >= 0) & (own.time <= NADIR_DAYS)
    if not early.any():
        before = np.flatnonzero(own.time < 0)
        if not len(before):
            return nothing | {"reason": f"no count up to day {NADIR_DAYS:g}"}
        early = np.arange(len(own.time)) == before[-1]
    at = int(np.flatnonzero(early)[np.argmin(own.high[early])])
    nadir = float(own.high[at])
    if nadir >= threshold:
        return nothing | {"nadir": nadir, "reason": "never below the threshold"}
    reached = (own.low >= threshold) & ~own.transfused
    if confirmed:
        reached &= np.append(reached[1:], False)
    found = np.flatnonzero(reached & (np.arange(len(reached)) > at) & (own.time > 0))
    at_risk = {"at_risk": True, "nadir": nadir}
    if len(found):
        day = float(own.time[found[0]])
        why = f"first on day {day:g} after {nadir:g} on day {own.time[at]:g}"
        return at_risk | {"time": day, "kind": RECOVERED, "reason": why}
    if kind != CENSORED:
        return at_risk | {"time": stop, "kind": kind, "reason": f"{kind} before recovery"}
    day = max(float(own.time[-1]), 0.0)
    return at_risk | {"time": day, "kind": CENSORED, "reason": f"last count on day {day:g}"}


def _at(
    own: _Series | None, day: float, width: float, until: float, mild: float, severe: float
) -> dict[str, Any]:
    out: dict[str, Any] = {"time": np.nan, "value": np.nan, "grade_3_4": pd.NA, "grade_4": pd.NA}
    if own is None:
        return out | {"reason": "no counts"}
    near = np.flatnonzero((np.abs(own.time - day) <= width) & (own.time <= until))
    if not len(near):
        return out | {"reason": f"no count within {width:g} days, death and transplant excepted"}
    at = near[np.argmin(np.abs(own.time[near] - day))]
    value = float(own.high[at])
    out |= {"time": float(own.time[at]), "value": value}
    for name, least in (("grade_3_4", mild), ("grade_4", severe)):
        if own.high[at] < least or own.low[at] < own.high[at] <= least:
            out[name] = True
        elif own.low[at] >= least and not own.transfused[at]:
            out[name] = False
    unknown = pd.isna(out["grade_3_4"]) or pd.isna(out["grade_4"])
    why = "transfused, or between two limits" if unknown else f"{value:g} on day {own.time[at]:g}"
    return out | {"reason": why}
