"""Adverse events by term, class and grade; one scale is never mixed with another.

Source
------
Grades are those reported, by CTCAE or whatever ``scale`` says. A subject counts once in a term (or
class) with the worst grade on that scale.
"""

import numpy as np
import pandas as pd

from cellkinetics.outcome.treated import last_days, treated
from cellkinetics.study.study import Study

GRADES = (1, 2, 3, 4, 5)
_INFECTIONS = r"^\s*infe[ckz]"  # MedDRA: Infections and infestations, Infektionen und ..., & ...
NO_TERM, NO_CLASS, NO_SCALE = "term not stated", "class not stated", "scale not stated"
_KIND_TERM = {"CRS": "Cytokine release syndrome", "ICANS": "ICANS"}


def adverse_events(
    study: Study, *, cutoff: float | None = None, since_infusion: bool = False
) -> pd.DataFrame:
    """Every row of toxicities.csv, and whether it is used.

    Parameters
    ----------
    study : Study
    cutoff : float, day           a data cut
    since_infusion : bool         count only what began on day 0 or later; else from the subject's
                                  first day of lymphodepletion (day 0 where none is given)

    Returns
    -------
    DataFrame, in the order of the file: subject, time, end, term, soc, kind, scale, grade, dlt,
    line, and
        duration                  days, both ends counted; NaN without an end
        ongoing                   no end, or one after the last day used
        not_used                  None where the row counts, else why not
    """
    out = study.toxicities.copy()
    blank = out["term"].isna()
    out.loc[blank, "term"] = out.loc[blank, "kind"].map(_KIND_TERM).fillna(NO_TERM)
    out["soc"] = out["soc"].where(out["soc"].notna(), NO_CLASS)
    out["scale"] = _one_spelling(out["scale"].where(out["scale"].notna(), NO_SCALE))
    out["term"], out["soc"] = _one_spelling(out["term"]), _one_spelling(out["soc"])
    last = out["subject"].map(last_days(study, cutoff)).to_numpy(dtype=np.float64)
    start = out["subject"].map(starts(study, since_infusion)).to_numpy(dtype=np.float64)
    days = out["time"].to_numpy(dtype=np.float64)
    why = np.full(len(out), None, dtype=object)
    for i in range(len(out)):
        if days[i] > last[i]:
            why[i] = f"after the last day used ({last[i]:g})"
        elif days[i] < start[i]:
            why[i] = f"before day {start[i]:g}, from which events count"
    why[~out["subject"].isin(treated(study)).to_numpy()] = "not infused"
    out["duration"] = out["end"] - out["time"] + 1
    out["ongoing"] = out["end"].isna() | (out["end"].to_numpy(dtype=np.float64) > last)
    out["not_used"] = why
    return out


def starts(study: Study, since_infusion: bool = False) -> pd.Series:
    """Day from which adverse events count, by subject: lymphodepletion's first, else day 0."""
    out = pd.Series(0.0, index=study.subjects["subject"].unique())
    if since_infusion:
        return out
    rows = study.treatments[study.treatments["kind"] == "lymphodepletion"]
    first = rows.groupby("subject")["time"].min()
    return first.clip(upper=0.0).reindex(out.index).fillna(0.0)


def worst_by(events: pd.DataFrame, by: list[str], treated_count: int) -> pd.DataFrame:
    """Subjects by worst grade.

    Parameters
    ----------
    events : DataFrame            of :func:`adverse_events`, those used
    by : list of str              ["soc", "term"], ["soc"] or []; the scale is always added
    treated_count : int           denominator

    Returns
    -------
    DataFrame, the most frequent first: ``by``, scale, n (treated), events (rows), subjects (with
    any), percent, grade_1 .. grade_5 and grade_unknown (subjects by worst grade), grade_3_plus
    """
    keys = [*by, "scale"]
    graded = events.assign(worst=events["grade"].fillna(-1.0))  # a missing grade is below any other
    rows = []
    for key, group in graded.groupby(keys, sort=True):
        worst = group.groupby("subject")["worst"].max()
        row: dict[str, object] = dict(zip(keys, key, strict=True))
        row |= {
            "n": treated_count,
            "events": len(group),
            "subjects": len(worst),
            "percent": 100 * len(worst) / treated_count if treated_count else np.nan,
            **{f"grade_{g}": int((worst == g).sum()) for g in GRADES},
            "grade_unknown": int((worst < 1).sum()),
            "grade_3_plus": int((worst >= 3).sum()),
        }
        rows.append(row)
    columns = [
        *keys, "n", "events", "subjects", "percent",
        *(f"grade_{g}" for g in GRADES), "grade_unknown", "grade_3_plus",
    ]  # fmt: skip
    out = pd.DataFrame(rows, columns=columns)
    return out.sort_values(
        ["subjects", "grade_3_plus"], ascending=False, kind="stable", ignore_index=True
    )


def is_infection(events: pd.DataFrame) -> pd.Series:
    """Rows of the class "Infections and infestations", however written."""
    return events["soc"].str.contains(_INFECTIONS, case=False, regex=True)


def is_ctcae(scale: pd.Series) -> pd.Series:
    """Rows graded by CTCAE, whatever its version: "CTCAE v5.0", "NCI-CTCAE 4.03", "CTC AE"."""
    return scale.str.contains(r"\bCTC[\s_-]?AE", case=False, regex=True)


def _one_spelling(texts: pd.Series) -> pd.Series:
    """Give texts that differ in case and spaces alone the spelling that came first."""
    plain = texts.map(lambda text: " ".join(str(text).split()))
    first = dict(
        zip(reversed(plain.str.casefold().tolist()), reversed(plain.tolist()), strict=True)
    )
    return plain.str.casefold().map(first).astype(object)
