"""Cumulative incidence of recovery, with death and transplant competing."""

from typing import Any

import pandas as pd

from cellkinetics.outcome.answer import LEVEL, number
from cellkinetics.outcome.safety.recovery import CENSORED, DEATH, RECOVERED, TRANSPLANT
from cellkinetics.survival.competing import cumulative_incidence, incidence_at

DAYS = (28.0, 60.0, 90.0)
CAUSES = {CENSORED: 0, RECOVERED: 1, DEATH: 2, TRANSPLANT: 3}
_LABELS = {"anc": "neutrophils", "platelets": "platelets"}


def recovery_numbers(table: pd.DataFrame, level: float = LEVEL) -> list[dict[str, Any]]:
    """Rows of ``Answer.numbers``: incidence of recovery by day 28, 60 and 90, and when it came.

    Parameters
    ----------
    table : DataFrame             of :func:`cellkinetics.outcome.safety.recovery.recovery`
    level : float                 of the interval

    Returns
    -------
    list of dict
    """
    rows = []
    for (name, threshold), group in table.groupby(["count", "threshold"], sort=False):
        at_risk = group[group["at_risk"]]
        label = f"recovery of {_LABELS[str(name)]} to {threshold:g}"
        out = len(group) - len(at_risk)
        note = f"{len(at_risk)} of {len(group)} at risk" if out else "all treated at risk"
        if at_risk.empty:
            rows.append(
                number(label, float("nan"), n=0, method="Aalen-Johansen", note=f"{note}: nobody")
            )
            continue
        estimate = cumulative_incidence(at_risk["time"], at_risk["kind"].map(CAUSES), level=level)
        shared: dict[str, Any] = {"n": estimate.n, "events": estimate.events}
        for day in DAYS:
            value = incidence_at(estimate, day)
            rows.append(
                number(
                    f"{label} by day {day:g}",
                    value.value,
                    lower=value.lower,
                    upper=value.upper,
                    level=level,
                    method=estimate.method,
                    note="; ".join(
                        filter(None, (note, "death and transplant compete", value.note))
                    ),
                    **shared,
                )
            )
        days = at_risk.loc[at_risk["kind"] == RECOVERED, "time"]
        if len(days):
            rows.append(
                number(
                    f"{label}, day",
                    float(days.median()),
                    n=len(days),
                    events=len(days),
                    lower=float(days.min()),
                    upper=float(days.max()),
                    unit="day",
                    method="median and range",
                    note="of those who recovered",
                )
            )
    return rows
