"""Deaths, with their cause where one is given."""

from typing import Any

import pandas as pd

from cellkinetics.outcome.treated import last_days, treated
from cellkinetics.study.study import Study

# Columns of subjects.csv (the user's own) that are read as a cause of death.
CAUSE_COLUMNS = ("cause_of_death", "death_cause", "dthcaus", "dthcause")
EARLY_DAYS = 30.0


def deaths(study: Study, relapses: pd.DataFrame, cutoff: float | None = None) -> pd.DataFrame:
    """Deaths of treated subjects.

    Parameters
    ----------
    study : Study
    relapses : DataFrame          of :func:`cellkinetics.outcome.relapse.relapse_and_progression`
    cutoff : float, day           a data cut

    Returns
    -------
    DataFrame: subject, time, cause, cause_from (the column of subjects.csv, or the fatal toxicity;
    None where no cause is given), after (relapse or progression before the death, with its day),
    used (False: after the last day used), line
    """
    last = last_days(study, cutoff)
    events = study.events[study.events["event"] == "death"]
    events = events[events["subject"].isin(treated(study))].sort_values("time", kind="stable")
    stated = {name.casefold(): name for name in study.covariates}
    own = next((stated[name] for name in CAUSE_COLUMNS if name in stated), None)
    causes = {} if own is None else study.subjects.set_index("subject")[own].dropna().to_dict()
    fatal = study.toxicities[(study.toxicities["grade"] == 5) & study.toxicities["term"].notna()]
    terms = fatal.groupby("subject")["term"].agg(lambda t: " and ".join(dict.fromkeys(t))).to_dict()
    disease: dict[str, list[tuple[float, str]]] = {}
    for who, event, day in zip(
        relapses["subject"], relapses["event"], relapses["time"], strict=True
    ):
        disease.setdefault(who, []).append((float(day), event))
    rows: list[dict[str, Any]] = []
    for subject, time, line in zip(events["subject"], events["time"], events["line"], strict=True):
        if subject in causes:
            cause, source = str(causes[subject]), f"subjects.csv, {own}"
        elif subject in terms:
            cause, source = terms[subject], "toxicities.csv, grade 5"
        else:
            cause, source = "not stated", None
        before = [f"{e} on day {d:g}" for d, e in sorted(disease.get(subject, [])) if d <= time]
        rows.append(
            {
                "subject": subject,
                "time": float(time),
                "cause": cause,
                "cause_from": source,
                "after": "; ".join(before) or None,
                "used": bool(time <= last[subject]),
                "line": int(line),
            }
        )
    columns = ["subject", "time", "cause", "cause_from", "after", "used", "line"]
    return pd.DataFrame(rows, columns=columns).astype({"time": float, "used": bool})
