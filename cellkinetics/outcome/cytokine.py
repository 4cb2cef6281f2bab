"""Change of blood cytokines from before the infusion to 12 months, per analyte."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError
from cellkinetics.outcome.answer import LEVEL, Answer, numbers
from cellkinetics.outcome.cytokine_course import courses
from cellkinetics.outcome.cytokine_mixed import FEW, fit_fold
from cellkinetics.outcome.cytokine_numbers import (
    changes_by_visit,
    course_numbers,
    model_row,
    visit_numbers,
    visit_table,
)
from cellkinetics.outcome.cytokine_readings import Readings, count_kinds, read_cytokines
from cellkinetics.outcome.cytokine_visits import BASELINE, SCHEDULE, at_visits, log_bounds, windows
from cellkinetics.study.findings import counted
from cellkinetics.study.study import Study

DEFINITION = """\
Change in the level of each cytokine in peripheral blood, from before the infusion to day
{horizon:g}.

Readings: {readings}.

Limits: a reading below or above its own limit is an interval, never a substitute. X_lower and
X_upper bound X; X_flag says how: exact; above (X > X_lower); below (X < X_upper); between; unknown.

Baseline: the last reading before the infusion; one at the very time of the infusion counts as
before it.

Peak: the largest reading after the infusion, to day {horizon:g}; its day is the first day of the
largest. Fold change: peak / baseline.

AUC: linear trapezoids from the infusion, where the baseline stands, to day {auc:g}, or to the last
reading where that is earlier (auc_until).

Return: the first day after the peak below {multiple:g} times the baseline. It lies after
return_lower and by return_upper, which is inf where it was not seen; only for a peak that is known
to have reached {multiple:g} times the baseline (elevated).

Visits: {visits}. A visit takes the reading nearest to its day, within half-way to its neighbours.

Fold change by visit: exp of the difference between the visit's and the baseline's mean log level,
in a mixed model of log levels with a mean for each visit, a normal random intercept for each
subject and normal residuals (an SD for each visit with at least 10 readings within limits, else a
shared one). Readings beyond a limit enter by the probability of their interval. Maximum likelihood
with adaptive Gauss-Hermite quadrature; cluster-robust variances times n / (n - 1) and Student's t
with n - 1 degrees of freedom, n the subjects measured at baseline and visit: complete and within
limits, this is the paired t-interval. A missing reading is taken as missing at random, after a
death too. Intervals are of level {level:.0%}, not adjusted for the number of analytes or visits.
Where more than 80 % of the readings at baseline or at a visit lie beyond their limits no mean is
given: the median over subjects, which is bounded without a distribution, stands in the table of
visits.
"""
_POLICY = {
    "keep": "whatever therapy followed the infusion (treatment policy)",
    "leave out": "up to a transplant, cytotoxic drugs or another cell product (while on treatment)",
}


def cytokine(
    study: Study,
    *,
    analytes: Collection[str] | None = None,
    cutoff: float | None = None,
    visits: Sequence[float] | None = None,
    multiple: float = 2.0,
    auc_days: float = 28.0,
    after_therapy: str = "keep",
    level: float = LEVEL,
) -> Answer:
    """Summarise the cytokines of a study.

    Parameters
    ----------
    study : Study
    analytes : collection of str  None: the analytes with a cytokine's name
    cutoff : float, day           later samples are not used
    visits : sequence of float    days after the infusion; None: the registered schedule up to the
                                  study's horizon
    multiple : float              return is below so many times the baseline
    auc_days : float, day         end of the area
    after_therapy : str           "keep" or "leave out" readings after a transplant, cytotoxic drugs
                                  or another cell product
    level : float                 of the intervals

    Returns
    -------
    Answer
        subjects                  a row a treated subject and analyte: ``courses``
        numbers                   group is the analyte: fold change at every visit, median peak,
                                  median peak fold change, subjects who returned
        more                      "visits" (all numbers of the visit table), "changes" (every
                                  subject's fold change at every visit, with bounds), "models" (a
                                  row an analyte), "limits" (readings beyond limits), "left_out"

    Raises
    ------
    SpecError                     an unknown analyte, option, or visits out of order
    """
    _check(multiple=multiple, auc_days=auc_days, level=level)
    horizon = study.settings.horizon
    if visits is None:
        days = [day for day in SCHEDULE if day <= horizon] or [horizon]
    else:
        days = list(visits)
    window = windows(days)
    until = max(horizon, float(window["until"].iloc[-1]))
    until = until if cutoff is None else min(until, cutoff)
    readings = read_cytokines(study, analytes=analytes, until=until, after_therapy=after_therapy)
    last = horizon if cutoff is None else min(horizon, cutoff)
    within = replace(readings, table=readings.table[readings.table["time"] <= last])
    subjects = courses(within, multiple=multiple, auc_days=auc_days)
    chosen = at_visits(readings, days)
    changes = changes_by_visit(chosen)
    grid = (BASELINE, *days)
    rows, models, table = list[dict[str, Any]](), [], []
    for analyte in readings.analytes:
        ids, lower, upper = log_bounds(chosen, analyte, grid)
        zeros = bool(np.isneginf(upper).any())
        fit = fit_fold(np.where(zeros, np.nan, lower), np.where(zeros, np.nan, upper), level=level)
        own = chosen[chosen["analyte"] == analyte]
        part = visit_table(analyte, own, changes, window, fit, zeros=zeros)
        table.append(part)
        models.append(model_row(analyte, fit, len(ids)))
        rows += visit_numbers(part, level)
        rows += course_numbers(subjects, analyte, readings.units[analyte], multiple)
    text = DEFINITION.format(
        horizon=horizon,
        readings=f"samples of blood, {_POLICY[after_therapy]}",
        visits="day " + ", ".join(f"{day:g}" for day in days),
        auc=auc_days,
        multiple=multiple,
        level=level,
    )
    return Answer(
        name="cytokine",
        title="Cytokines in peripheral blood",
        definition=text,
        subjects=subjects,
        numbers=numbers(rows),
        more={
            "visits": pd.concat(table, ignore_index=True) if table else pd.DataFrame(),
            "changes": changes,
            "models": pd.DataFrame(models),
            "limits": count_kinds(readings.table),
            "left_out": readings.left_out,
        },
        notes=_notes(study, readings, chosen, after_therapy, analytes is None),
    )


def _check(*, multiple: float, auc_days: float, level: float) -> None:
    wanted = {"multiple": (multiple, 0, np.inf), "auc_days": (auc_days, 0, np.inf)}
    for name, (value, low, high) in (wanted | {"level": (level, 0, 1)}).items():
        if not low < value < high:
            raise SpecError(f"{name}={value:g}: wanted a number between {low:g} and {high:g}.")


def _notes(
    study: Study, readings: Readings, chosen: pd.DataFrame, after_therapy: str, by_name: bool
) -> tuple[str, ...]:
    notes = []
    names = ", ".join(readings.analytes)
    if not readings.analytes:
        return ("no analyte has a cytokine's name; name them with analytes",)
    if by_name:
        others = [name for name in study.analytes if name not in readings.analytes]
        rest = f"; not cytokines: {', '.join(others)}" if others else ""
        notes.append(f"analytes by their names: {names}{rest}")
    table = readings.table
    beyond = int((table["kind"] != 0).sum())
    notes.append(f"{counted(len(table), 'reading')} used, {beyond} of them beyond a limit")
    late = int(table["after_therapy"].sum())
    if late and after_therapy == "keep":
        notes.append(
            f"used although after a transplant, cytotoxic drugs or another cell product: "
            f"{counted(late, 'reading')} (after_therapy = 'leave out' would not)"
        )
    since = table["time"] - table["first"]
    spare = len(table) - len(chosen)
    notes.append(
        f"not the nearest to a visit: {counted(spare, 'reading')}; peak, area and return use them "
        f"(taken before the infusion: {int((since <= 0).sum())})"
    )
    notes += [
        f"{row['analyte']}: {counted(row['readings'], 'reading')} of "
        f"{counted(row['subjects'], 'subject')} left out: {row['reason']}"
        for row in readings.left_out.to_dict("records")
    ]
    n = len(readings.subjects)
    if n < FEW:
        notes.append(f"{counted(n, 'subject')}: intervals by visit lean on log-normal levels")
    return tuple(notes)
