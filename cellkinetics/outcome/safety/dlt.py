"""Dose-limiting toxicities: a running posterior bound, and a stated limit at which to stop.

A rule of this form (stop when the posterior probability of too many events is high) is that of
Thall and Simon, Biometrics 1994;50:337, with a fixed limit in place of a control's rate.
"""

from dataclasses import dataclass

import pandas as pd

from cellkinetics.errors import SpecError
from cellkinetics.outcome.answer import LEVEL
from cellkinetics.outcome.proportion import BetaPrior, beta_prior, exceeds, posterior
from cellkinetics.outcome.survival.course import courses
from cellkinetics.outcome.treated import last_days, treated
from cellkinetics.study.study import Study


@dataclass(frozen=True)
class StopRule:
    """Stop when P(DLT rate > limit) > certainty; checked after every patient."""

    limit: float = 0.30
    certainty: float = 0.80
    prior: str | BetaPrior = "uniform"

    def __str__(self) -> str:
        """Write the rule as reports print it."""
        return (
            f"stop when P(DLT rate > {self.limit:g}) > {self.certainty:g}, "
            f"prior {beta_prior(self.prior)}"
        )


def running_dlt(
    study: Study,
    rule: StopRule | None = None,
    *,
    within: float | None = None,
    cutoff: float | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Follow the DLT rate after each patient, in the order of infusions.csv.

    Parameters
    ----------
    study : Study
    rule : StopRule               default: P(rate > 0.30) > 0.80, uniform prior
    within : float, day           last day of the window in which a toxicity is a DLT; none unless
                                  given, and then all treated are taken as evaluable
    cutoff : float, day           a data cut
    level : float                 of the interval

    Returns
    -------
    DataFrame, a row a patient: patient (1, 2, ...), subject, dlt, evaluable, terms, n, events,
    mean, lower, upper (posterior), p_above (P(rate > limit)), stop, stop_at (fewest DLTs among n
    that would stop the trial; missing if even n would not). Who has no DLT and was not followed
    alive through the window is not (yet) evaluable and not among the n.

    Raises
    ------
    SpecError                     a limit or certainty outside (0, 1)
    """
    rule = rule or StopRule()
    for name in ("limit", "certainty"):
        if not 0 < getattr(rule, name) < 1:
            raise SpecError(f"DLT rule: {name}={getattr(rule, name):g}; it lies between 0 and 1.")
    rows = study.toxicities[study.toxicities["dlt"].fillna(False).astype(bool)]
    rows = rows[_since_infusion(rows)]
    latest = _last(study, rows, cutoff)
    rows = rows[rows["time"] <= (latest if within is None else latest.clip(upper=within))]
    terms = rows.groupby("subject")["term"].agg(lambda t: "; ".join(t.dropna().unique())).to_dict()
    followed = _followed(study, within, cutoff)
    out = []
    events = n = 0
    for patient, subject in enumerate(_in_order(study), start=1):
        hit = subject in terms
        evaluable = hit or subject in followed
        events += hit
        n += evaluable
        mean, low, high = posterior(events, n, rule.prior, level)
        above = exceeds(events, n, rule.limit, rule.prior)
        out.append(
            {
                "patient": patient,
                "subject": subject,
                "dlt": hit,
                "evaluable": evaluable,
                "terms": terms.get(subject),
                "n": n,
                "events": events,
                "mean": mean,
                "lower": low,
                "upper": high,
                "p_above": above,
                "stop": n > 0 and above > rule.certainty,
                "stop_at": boundary(n, rule) if n else None,
            }
        )
    columns = [
        "patient", "subject", "dlt", "evaluable", "terms", "n", "events", "mean", "lower", "upper",
        "p_above", "stop", "stop_at",
    ]  # fmt: skip
    return pd.DataFrame(out, columns=columns).astype({"stop_at": "Int64"})


def _since_infusion(rows: pd.DataFrame) -> pd.Series:
    """Toxicities from day 0 on, or stated to last into it: a cytopenia of lymphodepletion may.

    One that was over by the infusion, or began before it and has no end, is none of the cells.
    """
    return (rows["time"] >= 0) | (rows["end"] > 0)


def not_of_cells(study: Study) -> int:
    """Count the toxicities with dlt = 1 that are left out as before the infusion."""
    rows = study.toxicities[study.toxicities["dlt"].fillna(False).astype(bool)]
    return int((~_since_infusion(rows)).sum())


def past_window(study: Study, within: float | None, cutoff: float | None = None) -> int:
    """Count the toxicities with dlt = 1 that began after the window, up to the last day used."""
    if within is None:
        return 0
    rows = study.toxicities[study.toxicities["dlt"].fillna(False).astype(bool)]
    rows = rows[rows["subject"].isin(treated(study))]
    return int(((rows["time"] > within) & (rows["time"] <= _last(study, rows, cutoff))).sum())


def _last(study: Study, rows: pd.DataFrame, cutoff: float | None) -> pd.Series:
    return rows["subject"].map(last_days(study, cutoff))


def _followed(study: Study, within: float | None, cutoff: float | None) -> set[str]:
    """Subjects followed alive through the window; a death on its last day is followed."""
    if within is None:
        return set(treated(study))
    return {
        course.subject
        for course in courses(study, cutoff=cutoff)
        if course.alive.day >= within or (course.death is not None and course.death.day >= within)
    }


def boundary(n: int, rule: StopRule) -> int | None:
    """Fewest DLTs among n patients at which the rule stops; None if even n would not."""
    low, high = 0, n + 1  # the probability rises with the number of DLTs
    while low < high:
        middle = (low + high) // 2
        if middle <= n and not exceeds(middle, n, rule.limit, rule.prior) > rule.certainty:
            low = middle + 1
        else:
            high = middle
    return low if low <= n else None


def _in_order(study: Study) -> list[str]:
    """Treated subjects by their first row in infusions.csv, else as in subjects.csv."""
    infused = set(treated(study))
    listed = [s for s in dict.fromkeys(study.infusions["subject"]) if s in infused]
    return listed or list(treated(study))
