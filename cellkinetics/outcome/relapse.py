"""Relapse and progression: as given in events.csv, derived from the assessments, side by side.

Source
------
Relapse: the European LeukemiaNet's definition. Progression: ELN 2017 (Blood 2017;129:424), Table 6,
whose rows on progressive disease could not be read at the source: they are an assumption here.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.outcome.counts import as_read, counts, nearest
from cellkinetics.outcome.eln import REMISSION
from cellkinetics.outcome.response import COUNT_DAYS, Day, Place, assessed, days
from cellkinetics.outcome.treated import treated
from cellkinetics.study.study import Study

DEFINITION = """\
Relapse (after CR, CRh or CRi): marrow blasts of 5 % or more, blasts back in blood (one sample is
enough), or extramedullary disease.
Progression (not in remission before; ELN 2017 as recalled, an assumption): marrow blasts more than
50 % over baseline (and at least 15 points more where baseline is under 30 %), or above 70 % in all
marrows over 90 days or more, either without neutrophils that doubled to above 0.5 or untransfused
platelets that doubled to above 50 (10^9/L); or blasts in blood (white cells x %) more than 50 %
over baseline and above 25 x 10^9/L; or extramedullary disease that was not there at baseline.
The derived day is that of the assessment. Where events.csv gives the event, its day is used and a
difference is listed; but a response NR or PR after a remission and before the relapse of events.csv
dates the relapse, so that a later data cut cannot move it. Loss of MLFS or PR alone is neither."""

COLUMNS = (
    "subject",
    "event",
    "time",
    "source",
    "given_time",
    "derived_time",
    "disagreement",
    "reason",
    "file",
    "line",
)
_PERSISTENT_DAYS = 90.0


def relapse_and_progression(
    study: Study, criteria: str | None = None, responses: pd.DataFrame | None = None
) -> pd.DataFrame:
    """First relapse and first progression of every treated subject who has one.

    Parameters
    ----------
    study : Study
    criteria : str, optional      as :func:`cellkinetics.outcome.response.assessed`
    responses : DataFrame         of that function, if it is there already

    Returns
    -------
    DataFrame, a row for every subject and event that is given or derived:
        subject, event            "relapse" or "progression"
        time                      day used: as given, else derived; of a relapse, the first
                                  NR or PR after the remission where that is earlier
        source                    "given" or "derived"
        given_time, derived_time  NaN where there is none
        disagreement              only one of the two, or on different days
        reason
        file, line                where the event stands, else the assessment
    """
    if responses is None:
        responses = assessed(study, criteria)
    remitted = responses[responses["response"].isin(REMISSION) & (responses["time"] > 0)]
    first_remission = remitted.groupby("subject")["time"].min().to_dict()
    lost = _lost(responses, first_remission)
    by_subject: dict[str, list[Day]] = {}
    for day in days(study):
        by_subject.setdefault(day.subject, []).append(day)
    white = as_read(counts(study, study.settings.wbc.analyte))
    given: dict[tuple[str, str], tuple[float, Place]] = {}
    events = study.events.assign(file=study.files("events"))
    events = events.sort_values("time", kind="stable")
    for s, t, e, *place in zip(
        *(events[name] for name in ("subject", "time", "event", "file", "line")), strict=True
    ):
        given.setdefault((s, e), (float(t), (str(place[0]), int(place[1]))))
    rows = []
    for subject in treated(study):
        own = by_subject.get(subject, [])
        remission = first_remission.get(subject, np.inf)
        found = {
            "relapse": _relapse(own, remission),
            "progression": _progression(own, remission, white),
        }
        for event, derived in found.items():
            row: dict[str, Any] | None
            stated = given.get((subject, event))
            earlier = lost.get(subject) if event == "relapse" else None
            if stated and earlier and earlier[0] < stated[0]:
                row = _before_given(subject, stated, earlier, derived)
            else:
                row = _compare(subject, event, stated, derived, own)
            if row is not None:
                rows.append(row)
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = {"time": float, "given_time": float, "derived_time": float}
    return out.astype({**numbers, "disagreement": bool, "line": np.int64})


type _Found = tuple[float, str, Place] | None  # day, why, where


def _lost(
    responses: pd.DataFrame, first_remission: dict[Hashable, Any]
) -> dict[str, tuple[float, str, Place]]:
    """First NR or PR after each subject's remission."""
    start = responses["subject"].map(first_remission)
    rows = responses[(responses["time"] > start) & responses["response"].isin(("NR", "PR"))]
    rows = rows.sort_values("time", kind="stable").drop_duplicates("subject")
    return {
        subject: (float(time), f"{seen} after the remission of day {began:g}", (file, int(line)))
        for subject, time, seen, began, file, line in zip(
            rows["subject"], rows["time"], rows["response"], start[rows.index], rows["file"],
            rows["line"], strict=True,
        )
    }  # fmt: skip


def _before_given(
    subject: str, given: tuple[float, Place], lost: tuple[float, str, Place], derived: _Found
) -> dict[str, Any]:
    """The row of a relapse that the responses show before events.csv does."""
    time, why, place = lost if derived is None or lost[0] <= derived[0] else derived
    return {
        "subject": subject,
        "event": "relapse",
        "time": time,
        "source": "derived",
        "given_time": given[0],
        "derived_time": time,
        "disagreement": True,
        "reason": f"{why}; events.csv has it on day {given[0]:g}: the earlier day counts",
        "file": place[0],
        "line": place[1],
    }


def _relapse(own: list[Day], remission: float) -> _Found:
    for day in own:
        if day.time <= remission:
            continue
        why = []
        if day.signs.marrow >= 5:
            why.append(f"marrow blasts {day.signs.marrow:g} %")
        if day.signs.blood > 0:
            why.append(f"blood blasts {day.signs.blood:g} %")
        if day.signs.extramedullary:
            why.append("extramedullary disease")
        if why:
            since = f" after the remission of day {remission:g}"
            return day.time, f"{', '.join(why)}{since}", day.places[0]
    return None


def _progression(
    own: list[Day], remission: float, white: dict[str, list[tuple[float, float]]]
) -> _Found:
    before = [day for day in own if day.time <= 0]
    since: Day | None = None  # the first of a run of marrows above 70 %
    for day in own:
        if not 0 < day.time < remission:
            continue
        if not np.isnan(day.signs.marrow):
            since = (since or day) if day.signs.marrow > 70 else None
        why = _progressed(day, before, since, white)
        if why:
            return day.time, why, day.places[0]
    return None


def _progressed(
    day: Day, before: list[Day], since: Day | None, white: dict[str, list[tuple[float, float]]]
) -> str | None:
    signs = day.signs
    if not _improved(day, before):
        base = signs.baseline
        if signs.marrow > 1.5 * base and (base >= 30 or signs.marrow >= base + 15):
            return f"marrow blasts {signs.marrow:g} % from {base:g} % at baseline"
        if since is not None and day.time - since.time >= _PERSISTENT_DAYS and signs.marrow > 70:
            return f"marrow blasts above 70 % from day {since.time:g} on"
    if signs.extramedullary and before and not any(d.signs.extramedullary for d in before):
        return "new extramedullary disease"
    now = _absolute(day, white)
    was = [a for a in (_absolute(d, white) for d in before) if not np.isnan(a)]
    if was and now > 25 and now > 1.5 * was[-1]:
        return f"blood blasts {now:.3g} x 10^9/L from {was[-1]:.3g} at baseline"
    return None


def _improved(day: Day, before: list[Day]) -> bool:
    """Neutrophils doubled to above 0.5, or untransfused platelets doubled to above 50."""
    for name, above in (("anc", 0.5), ("platelets", 50.0)):
        now = getattr(day.signs, name)
        was = [v for v in (getattr(d.signs, name) for d in before) if not np.isnan(v)]
        transfused = name == "platelets" and day.signs.transfused
        if was and now > above and now >= 2 * was[-1] and not transfused:
            return True
    return False


def _absolute(day: Day, white: dict[str, list[tuple[float, float]]]) -> float:
    """Blasts in blood, 10^9/L, from the white-cell count nearest to the day."""
    if np.isnan(day.signs.blood):
        return float("nan")
    return nearest(white, day.subject, day.time, COUNT_DAYS) * day.signs.blood / 100


def _compare(
    subject: str, event: str, given: tuple[float, Place] | None, derived: _Found, own: list[Day]
) -> dict[str, Any] | None:
    if given is None and derived is None:
        return None
    if given is None and derived is not None:
        time, why, place = derived
        source, reason = "derived", f"not in events.csv; {why}"
        wrong = True
    elif given is not None:
        time, place = given
        source = "given"
        wrong = derived is None or derived[0] != time
        if derived is None:
            seen = any(day.time > 0 for day in own)
            reason = "given; the assessments do not show it" if seen else "given; no assessments"
        elif wrong:
            reason = f"given; derived on day {derived[0]:g}: {derived[1]}"
        else:
            reason = derived[1]
    return {
        "subject": subject,
        "event": event,
        "time": time,
        "source": source,
        "given_time": np.nan if given is None else given[0],
        "derived_time": np.nan if derived is None else derived[0],
        "disagreement": wrong,
        "reason": reason,
        "file": place[0],
        "line": place[1],
    }
