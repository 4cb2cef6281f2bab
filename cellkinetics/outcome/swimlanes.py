"""Each subject's time on study as bars, response periods and marks: what a swimmer plot draws."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellkinetics.outcome.relapse import relapse_and_progression
from cellkinetics.outcome.response import assessed
from cellkinetics.outcome.safety.medication import medication
from cellkinetics.outcome.treated import last_days, treated
from cellkinetics.study.study import Study

MARKED = ("transplant", "other_therapy", "treatment_failure", "death")
_DATED = ("samples", "assessments", "events", "toxicities", "vitals", "treatments")


@dataclass(frozen=True)
class Swimlanes:
    """Tables of a swimmer plot, days since infusion.

    ``bars``: subject, end, ongoing (alive and followed at ``end``), the longest first.
    ``periods``: subject, start, end, response; each response holds until the next assessment.
    ``marks``: subject, time, mark.
    """

    bars: pd.DataFrame
    periods: pd.DataFrame
    marks: pd.DataFrame


def swimlanes(
    study: Study,
    responses: pd.DataFrame | None = None,
    relapses: pd.DataFrame | None = None,
    cutoff: float | None = None,
) -> Swimlanes:
    """Lay out every treated subject's course.

    Parameters
    ----------
    study : Study
    responses : DataFrame         of :func:`cellkinetics.outcome.response.assessed`
    relapses : DataFrame          of :func:`cellkinetics.outcome.relapse.relapse_and_progression`
    cutoff : float, day           a data cut; nothing later is drawn

    Returns
    -------
    Swimlanes
    """
    responses = assessed(study) if responses is None else responses
    bars = _bars(study, last_days(study, cutoff))
    ends = bars.set_index("subject")["end"]
    events = study.events[study.events["event"].isin(MARKED)]
    if relapses is None:
        relapses = relapse_and_progression(study, responses=responses)
    given = medication(study, cutoff)
    marks = pd.concat(
        [
            events[["subject", "time"]].assign(mark=events["event"]),
            relapses[["subject", "time"]].assign(mark=relapses["event"]),
            given[["subject", "time"]].assign(mark=given["medication"]),
        ],
        ignore_index=True,
    )
    marks = marks[marks["time"] <= marks["subject"].map(ends)].drop_duplicates(ignore_index=True)
    return Swimlanes(bars, _periods(responses, ends), marks)


def _bars(study: Study, last: pd.Series) -> pd.DataFrame:
    events = study.events
    died = events[events["event"] == "death"].groupby("subject")["time"].min()
    left = events[events["event"] == "withdrawal"].groupby("subject")["time"].min()
    seen = pd.concat([study.table(name)[["subject", "time"]] for name in _DATED])
    latest = seen.groupby("subject")["time"].max()
    rows = []
    for subject in treated(study):
        # As in overall survival: the last day on which anything is known of a subject.
        end = float(died.get(subject, max(latest.get(subject, 0.0), 0.0)))
        cut = float(last[subject])
        gone = min(died.get(subject, np.inf), left.get(subject, np.inf)) <= cut
        rows.append({"subject": subject, "end": min(end, cut), "ongoing": not gone})
    out = pd.DataFrame(rows, columns=["subject", "end", "ongoing"])
    return out.sort_values("end", ascending=False, kind="stable", ignore_index=True)


def _periods(responses: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    rows = responses[responses["response"].notna() & responses["subject"].isin(ends.index)]
    rows = rows.drop_duplicates(["subject", "time"]).sort_values(["subject", "time"], kind="stable")
    end = rows["subject"].map(ends)
    following = rows.groupby("subject")["time"].shift(-1)
    out = pd.DataFrame(
        {
            "subject": rows["subject"],
            "start": rows["time"],
            "end": following.fillna(np.inf).clip(upper=end),
            "response": rows["response"],
        }
    )
    return out[out["start"] <= out["end"]].reset_index(drop=True)
