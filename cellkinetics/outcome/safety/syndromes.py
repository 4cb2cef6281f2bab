"""CRS and ICANS of every subject: by ASTCT from vital signs and ICE, else as reported.

Source
------
``cellkinetics.outcome.safety.astct``. How single grades make a course is written in ``RULES``.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cellkinetics.outcome.safety.adverse import NO_SCALE
from cellkinetics.outcome.safety.astct import crs_grade, icans_grade
from cellkinetics.outcome.treated import last_days, treated
from cellkinetics.study.study import Study

CRS_DAYS = 30.0  # a fever that begins later is not taken for CRS

RULES = f"""\
CRS by ASTCT (Lee 2019) from vitals.csv: a course begins with fever (38.0 C or more) from day 0 to
day {CRS_DAYS:g} (assumption: a later fever is not CRS; other causes of fever are not known here).
Within a course fever is no longer needed once tocilizumab or a corticosteroid has been given (on
that day already). Grade: the more severe of hypotension (2; one vasopressor 3; several 4) and
hypoxia (low flow 2, high flow 3, positive pressure 4), fever alone 1. The course ends at the next
set of signs that earns no grade, and the worst of all courses is the subject's grade;
onset is that of the first, end that of the last.
ICANS by ASTCT from the ICE score alone (7 to 9: 1; 3 to 6: 2; 0 to 2: 3), from day 0 to day
{CRS_DAYS:g}. Consciousness, seizures, motor findings and oedema are not in the tables, and an ICE
of 0 may be grade 4: the derived grade is a lower bound, so a higher ASTCT grade that is reported
stands.
Where no set of signs falls into the reported episode, or none were taken, the grade is the one
reported, with its scale. Grades of different scales are never mixed: where an
ASTCT grade is reported it is used, and the other scales stand in reported_scale; a rate of grades
counts one scale, and leaves out subjects who were graded on another. A reported grade 5 stands,
because signs do not show death. A subject with neither signs nor a report counts as having had
none."""

COLUMNS = (
    "subject",
    "grade",
    "scale",
    "source",
    "onset",
    "end",
    "duration",
    "derived_grade",
    "reported_grade",
    "reported_scale",
    "disagreement",
    "reason",
)
ASTCT = "ASTCT"
NAN = float("nan")


class Course(NamedTuple):
    """From the first graded signs to the first that earn none (NaN: not seen to end)."""

    grade: int
    onset: float
    end: float


def crs(
    study: Study, events: pd.DataFrame, given: pd.DataFrame, cutoff: float | None = None
) -> pd.DataFrame:
    """CRS of every treated subject.

    Parameters
    ----------
    study : Study
    events : DataFrame            adverse events that are used
    given : DataFrame             of :func:`cellkinetics.outcome.safety.medication.medication`
    cutoff : float, day           a data cut

    Returns
    -------
    DataFrame                     ``COLUMNS``; grade 0 is none, NaN not stated; days since infusion,
                                  duration with both ends counted
    """
    rescue = given.groupby("subject")["time"].min().to_dict()
    found = {}
    for subject, rows in _signs(study, cutoff).items():
        found[subject] = _courses(rows, rescue.get(subject, np.inf))
    return _table(study, events[events["kind"] == "CRS"], found, lower_bound=False)


def icans(study: Study, events: pd.DataFrame, cutoff: float | None = None) -> pd.DataFrame:
    """ICANS of every treated subject.

    Parameters, Returns
    -------------------
    as :func:`crs`
    """
    found = {}
    for subject, rows in _signs(study, cutoff).items():
        graded = [
            (float(row["time"]), icans_grade(row["ice_score"]))
            for row in rows
            if row["time"] <= CRS_DAYS
        ]
        if any(grade is not None for _, grade in graded):
            days = [time for time, grade in graded if grade is not None]
            found[subject] = (_runs(graded), days)
    return _table(study, events[events["kind"] == "ICANS"], found, lower_bound=True)


type _Found = tuple[list[Course], list[float]]  # courses, days with signs that could be graded


def _signs(study: Study, cutoff: float | None) -> dict[str, list[dict[Hashable, Any]]]:
    rows = study.vitals[study.vitals["time"] >= 0]
    rows = rows[rows["time"] <= rows["subject"].map(last_days(study, cutoff))]
    out: dict[str, list[dict[Hashable, Any]]] = {}
    for row in rows.sort_values("time", kind="stable").to_dict("records"):
        out.setdefault(row["subject"], []).append(row)
    return out


def _courses(rows: list[dict[Hashable, Any]], rescue: float) -> _Found:
    graded: list[tuple[float, int | None]] = []
    running = False
    for row in rows:
        time = float(row["time"])
        grade = crs_grade(
            row["temperature_c"],
            None if row["hypotension"] is pd.NA else bool(row["hypotension"]),
            row["vasopressors"],
            row["oxygen"],
            fever_waived=running and time >= rescue,
        )
        if not running and time > CRS_DAYS:
            grade = None if grade is None else 0
        if grade is not None:
            running = grade > 0
        graded.append((time, grade))
    return _runs(graded), [time for time, grade in graded if grade is not None]


def _runs(graded: list[tuple[float, int | None]]) -> list[Course]:
    """Join neighbouring grades above 0; signs that could not be graded do not end a course."""
    out: list[Course] = []
    worst, onset = 0, NAN
    for time, grade in graded:
        if grade is None:
            continue
        if grade > 0:
            onset = time if worst == 0 else onset
            worst = max(worst, grade)
        elif worst:
            out.append(Course(worst, onset, time))
            worst = 0
    return [*out, Course(worst, onset, NAN)] if worst else out


def _table(
    study: Study, reported: pd.DataFrame, found: dict[str, _Found], *, lower_bound: bool
) -> pd.DataFrame:
    by_subject: dict[str, list[dict[Hashable, Any]]] = {}
    for row in reported.to_dict("records"):
        by_subject.setdefault(row["subject"], []).append(row)
    rows = [
        _row(s, _reported(by_subject.get(s, [])), found.get(s), lower_bound=lower_bound)
        for s in treated(study)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"grade": float, "derived_grade": float, "reported_grade": float, "disagreement": bool}
    )


def _row(
    subject: str, report: dict[str, Any] | None, found: _Found | None, *, lower_bound: bool
) -> dict[str, Any]:
    derived = None
    if found is not None and (report is None or _covers(found[1], report)):
        courses = found[0]
        worst = max((c.grade for c in courses), default=0)
        derived = Course(
            worst,
            courses[0].onset if courses else NAN,
            courses[-1].end if courses else NAN,
        )
    row: dict[str, Any] = {
        "subject": subject,
        "derived_grade": NAN if derived is None else derived.grade,
        "reported_grade": NAN if report is None else report["grade"],
        "reported_scale": None if report is None else report["scales"],
        "disagreement": False,
    }
    if derived is None and report is None:
        return _used(row, 0, None, "none", NAN, NAN, "no signs, none reported: counts as none")
    if derived is None and report is not None:
        why = "as reported" if found is None else "as reported: no signs in that episode"
        return _used(
            row, report["grade"], report["scale"], "reported", report["onset"], report["end"], why
        )
    assert derived is not None
    same_scale = report is not None and _is_astct(report["scale"])
    if report is not None:
        differs = (report["grade"] == 0) != (derived.grade == 0)
        if same_scale and not np.isnan(report["grade"]):
            higher = report["grade"] > derived.grade
            differs = report["grade"] != derived.grade and not (lower_bound and higher)
            if report["grade"] == 5 or (lower_bound and higher):
                why = (
                    "death is not seen in signs"
                    if report["grade"] == 5
                    else f"reported; ICE alone gives at least {derived.grade}"
                )
                row["disagreement"] = differs and report["grade"] != 5
                onset, end = report["onset"], report["end"]
                return _used(row, report["grade"], ASTCT, "reported", onset, end, why)
        row["disagreement"] = bool(differs)
    why = "by signs" if report is None else f"by signs; reported {_said(report)}"
    return _used(row, derived.grade, ASTCT, "derived", derived.onset, derived.end, why)


def _used(
    row: dict[str, Any],
    grade: float,
    scale: str | None,
    source: str,
    onset: float,
    end: float,
    reason: str,
) -> dict[str, Any]:
    return row | {
        "grade": grade,
        "scale": scale,
        "source": source,
        "onset": onset,
        "end": end,
        "duration": end - onset + 1,
        "reason": reason,
    }


def _reported(rows: list[dict[Hashable, Any]]) -> dict[str, Any] | None:
    """The subject's worst reported episode, dates from the first to the last of them."""
    if not rows:
        return None
    every = list(dict.fromkeys(row["scale"] for row in rows))
    scales = [scale for scale in every if _is_astct(scale)] or every
    grades = [
        float(row["grade"]) for row in rows if row["scale"] in scales and not np.isnan(row["grade"])
    ]
    known = len(scales) == 1 or _is_astct(scales[0])
    ends = [float(row["end"]) for row in rows]
    return {
        # the worst of grades on two scales, neither of them ASTCT, cannot be told
        "grade": max(grades, default=NAN) if known else NAN,
        "scale": ASTCT if _is_astct(scales[0]) else " and ".join(scales),
        "scales": " and ".join(every),
        "onset": min(float(row["time"]) for row in rows),
        "end": NAN if any(np.isnan(ends)) else max(ends),
    }


def _is_astct(scale: str) -> bool:
    return "astct" in scale.casefold()


def _covers(days: list[float], report: dict[str, Any]) -> bool:
    end = report["end"] if not np.isnan(report["end"]) else np.inf
    return any(report["onset"] <= day <= end for day in days)


def _said(report: dict[str, Any]) -> str:
    grade = "no grade" if np.isnan(report["grade"]) else f"grade {report['grade']:g}"
    scale = "" if report["scale"] == NO_SCALE else f" ({report['scale']})"
    return f"{grade}{scale} from day {report['onset']:g}"
