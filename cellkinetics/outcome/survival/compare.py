"""Comparing subjects by a covariate without immortal time.

Whoever responds has lived until the response: a covariate measured after time zero, compared from
time zero, credits that time to one group. It is refused here unless from a landmark by which all
have it, or as time-varying.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cellkinetics.outcome.survival.course import RESPONSE
from cellkinetics.outcome.survival.describe import counted
from cellkinetics.survival.cox import Cox, cox
from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.intervals import ConfType
from cellkinetics.survival.kaplan_meier import KaplanMeier, kaplan_meier
from cellkinetics.survival.log_rank import LogRank, log_rank
from cellkinetics.survival.partial_likelihood import Ties

# Words in a covariate's name that say it was measured after the infusion. ``known`` overrules.
_LATER = re.compile(
    r"(?:^|_)(?:best|achieved|response|responder|remission|cr[hi]?|relapse[ds]?|progress\w*|mrd|"
    r"cmax|c_max|tmax|t_max|max\w*|auc\w*|expansion|peak|persist\w*|clast|tlast|crs|icans|icu|dlt|"
    r"tocilizumab|toci|steroids?|corticosteroids?|dexamethasone|cytopenia|on_treatment|post|"
    r"transplant(?:ed)?|hsct|allo|follow_up|(?:day|week|month)_?0*[1-9]\d*|d0*[1-9]\d?(?!\d))(?:$|_|\d)"
)
_EARLIER = re.compile(r"(?:^|_)(?:prior|previous|baseline|pre|history)(?:$|_)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Covariate:
    """One value a subject, and the study day by which it was known.

    ``values`` is indexed by subject. ``known`` is a day for all, or a Series by subject; None means
    that nothing is said: then it counts as known at the infusion, unless its name says otherwise.
    """

    name: str
    values: pd.Series
    known: float | pd.Series | None = None


@dataclass(frozen=True)
class Comparison:
    """Curves by group with their log-rank test; ``left_out`` has subject and reason."""

    covariate: str
    curves: dict[str, KaplanMeier]
    test: LogRank
    left_out: pd.DataFrame
    method: str


@dataclass(frozen=True)
class Regression:
    """A Cox model of subjects; ``left_out`` has subject and reason."""

    fit: Cox
    left_out: pd.DataFrame
    method: str
    rows: pd.DataFrame = field(repr=False)


def response_by(responses: pd.DataFrame, day: float, kinds: Sequence[str] = RESPONSE) -> Covariate:
    """Whether a subject had responded by a day: a covariate for a landmark on that day or later.

    Parameters
    ----------
    responses : DataFrame         subject, time, response
    day : float
    kinds : sequence of str       what counts as a response

    Returns
    -------
    Covariate                     1 or 0, of every subject with an assessment
    """
    hit = responses["response"].isin(list(kinds)) & (responses["time"] > 0)
    hit &= responses["time"] <= day
    values = hit.groupby(responses["subject"]).any().astype(float)
    return Covariate(f"response by day {day:g}", values, day)


def compare(
    subjects: pd.DataFrame,
    covariate: Covariate,
    *,
    landmark: float | None = None,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
) -> Comparison:
    """Kaplan-Meier by group and the log-rank test.

    Parameters
    ----------
    subjects : DataFrame          ``Answer.subjects`` of an endpoint
    covariate : Covariate         groups
    landmark : float, day         from time zero; who is not event-free and followed then is left
                                  out, and time runs from there

    Returns
    -------
    Comparison

    Raises
    ------
    SurvivalError                 immortal time: a covariate known only after the landmark (or time
                                  zero); fewer than two groups
    """
    rows, left_out = _at_risk(subjects, [covariate], landmark)
    group = rows[covariate.name].astype(object)
    test = log_rank(rows["time"], rows["event"], group)
    curves = {
        str(name): kaplan_meier(
            rows.loc[group == name, "time"],
            rows.loc[group == name, "event"],
            conf_type=conf_type,
            level=level,
        )
        for name in test.groups["group"]
    }
    return Comparison(
        covariate.name, curves, test, left_out, f"log-rank{_from(landmark)}; {len(rows)} subjects"
    )


def regress(
    subjects: pd.DataFrame,
    covariates: Sequence[Covariate],
    *,
    landmark: float | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
) -> Regression:
    """Cox model from time zero or a landmark. Arguments and errors as :func:`compare`.

    Returns
    -------
    Regression
    """
    rows, left_out = _at_risk(subjects, covariates, landmark)
    names = [covariate.name for covariate in covariates]
    fit = cox(rows["time"], rows["event"], rows[names], ties=ties, level=level)
    return Regression(fit, left_out, f"Cox, ties {ties}{_from(landmark)}", rows)


def regress_time_varying(
    subjects: pd.DataFrame,
    changes: pd.DataFrame,
    *,
    before: float = 0.0,
    ties: Ties = "efron",
    level: float = 0.95,
) -> Regression:
    """Cox model of a covariate that changes in time, in start-stop form.

    Parameters
    ----------
    subjects : DataFrame          ``Answer.subjects`` of an endpoint
    changes : DataFrame           subject, time (study day), and one column more: the value from
                                  then on (an event on that very day still has the old one)
    before : float                value until a subject's first change

    Returns
    -------
    Regression                    ``rows``: subject, entry, time, event, value

    Raises
    ------
    SurvivalError                 if ``changes`` has other columns, or an unknown subject
    """
    names = [name for name in changes.columns if name not in ("subject", "time", "line")]
    if len(names) != 1 or not {"subject", "time"} <= set(changes.columns):
        raise SurvivalError(
            f"changes has columns {', '.join(map(str, changes.columns))}: wanted subject, time and "
            "one value."
        )
    name = str(names[0])
    strangers = set(changes["subject"]) - set(subjects["subject"])
    if strangers:
        raise SurvivalError(f"changes names {min(strangers)!r}, who is no subject of the endpoint.")
    by_subject = dict(iter(changes.groupby("subject", sort=False)))
    none = changes.iloc[:0]
    rows = [
        interval
        for row in counted(subjects).to_dict("records")
        for interval in _intervals(
            str(row["subject"]),
            float(row["time"]),
            int(row["event"]),
            float(row["start"]),
            by_subject.get(row["subject"], none),
            name,
            before,
        )
    ]
    table = pd.DataFrame(rows, columns=["subject", "entry", "time", "event", name])
    fit = cox(
        table["time"],
        table["event"],
        table[[name]],
        entry=table["entry"],
        ties=ties,
        level=level,
        n=table["subject"].nunique(),
    )
    out = subjects.loc[subjects["reason"].notna(), ["subject", "reason"]]
    return Regression(fit, out, f"Cox, ties {ties}, {name} time-varying", table)


def _intervals(
    subject: str,
    end: float,
    event: int,
    start: float,
    changes: pd.DataFrame,
    name: str,
    before: float,
) -> list[tuple[str, float, float, int, float]]:
    """Cut a subject's time where the covariate changes."""
    ordered = changes.sort_values("time", kind="stable")
    entry, value = -1.0, before  # before time zero, so that an event at time 0 has a risk set
    out = []
    for day, new in zip(ordered["time"] - start, ordered[name], strict=True):
        if day >= end:
            break
        if day > 0:
            if float(new) != value and day > entry:
                out.append((subject, entry, float(day), 0, value))
            entry = float(day) if float(new) != value else entry
        value = float(new)
    return [*out, (subject, entry, end, event, value)]


def _at_risk(
    subjects: pd.DataFrame, covariates: Sequence[Covariate], landmark: float | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows at risk at the landmark with their covariates, and who is left out and why."""
    if landmark is not None and not (landmark >= 0 and np.isfinite(landmark)):
        raise SurvivalError(f"landmark on day {landmark:g}: wanted a day from time zero on.")
    rows = subjects.copy()
    rows["reason"] = rows["reason"].astype(object)
    day = 0.0 if landmark is None else float(landmark)
    if landmark is not None:
        gone = rows["reason"].isna() & ~(rows["time"] > day)
        rows.loc[gone, "reason"] = f"not event-free and followed past the landmark, day {day:g}"
    for covariate in covariates:
        rows[covariate.name] = rows["subject"].map(covariate.values)
        missing = rows["reason"].isna() & rows[covariate.name].isna()
        rows.loc[missing, "reason"] = f"no {covariate.name}"
    for covariate in covariates:
        _known_in_time(rows[rows["reason"].isna()], covariate, landmark)
    left_out = rows.loc[rows["reason"].notna(), ["subject", "reason"]]
    rows = rows[rows["reason"].isna()].drop(columns="reason")
    if rows.empty:
        raise SurvivalError("nobody is left to compare.")
    rows["time"] = rows["time"] - day
    rows["event"] = rows["event"].astype(float)
    return rows.reset_index(drop=True), left_out.reset_index(drop=True)


def _measured_later(name: str) -> bool:
    """Whether a name speaks of after the infusion: "best_response", "bestResponse", "CRS grade"."""
    words = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).casefold())
    return bool(_LATER.search(words)) and not _EARLIER.search(words)


def _known_in_time(rows: pd.DataFrame, covariate: Covariate, landmark: float | None) -> None:
    """Refuse a covariate that was not known when the comparison begins."""
    name = covariate.name
    if covariate.known is None:
        if _measured_later(name):
            raise SurvivalError(
                f"immortal time: {name!r} looks like something measured after the infusion, and "
                "nothing says when. Give the day by which it was known (known=28, with a landmark "
                "on that day or later), known=0 if it was known at the infusion, or use it as "
                "time-varying."
            )
        known = pd.Series(0.0, index=rows.index)
    elif isinstance(covariate.known, pd.Series):
        known = rows["subject"].map(covariate.known)
    else:
        known = pd.Series(float(covariate.known), index=rows.index)
    begins = rows["start"] + (0.0 if landmark is None else landmark)
    late = ~(known <= begins)
    if not late.any():
        return
    first = rows[late].iloc[0]
    day = known[late].iloc[0]
    when = "on a day that is not given" if pd.isna(day) else f"on day {day:g}"
    where = "time zero" if landmark is None else f"the landmark, day {landmark:g} of follow-up"
    raise SurvivalError(
        f"immortal time: {name!r} of subject {first['subject']} was known {when}, after {where} "
        f"(day {begins[late].iloc[0]:g}). Whoever has it has survived until then. Give a landmark "
        "by which all values are known, or use it as time-varying (regress_time_varying)."
    )


def _from(landmark: float | None) -> str:
    return "" if landmark is None else f", landmark day {landmark:g}"
