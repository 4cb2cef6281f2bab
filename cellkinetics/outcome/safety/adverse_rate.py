"""Rates of adverse events and infections; a grade on no stated scale is not one by CTCAE."""

from typing import Any

import pandas as pd

from cellkinetics.outcome.answer import number
from cellkinetics.outcome.proportion import rate
from cellkinetics.outcome.safety.adverse import NO_CLASS, is_ctcae, is_infection

SEVERE = 3  # the lowest grade that counts as severe
_SYNDROMES = ("CRS", "ICANS")  # they have scales and rates of their own


def event_rates(used: pd.DataFrame, n: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Subjects with any adverse event and any infection, and with one of grade 3 or more.

    Parameters
    ----------
    used : DataFrame              of :func:`cellkinetics.outcome.safety.adverse.adverse_events`,
                                  those that count
    n : int                       treated subjects
    options : dict                level and prior of the rates

    Returns
    -------
    list of numbers               the severe ones by CTCAE, and on each other scale that was used
    """
    infections = used[is_infection(used)]
    had = used["subject"].nunique()
    rows = rate("any adverse event", had, n, note="of all treated", **options)
    rows += _severe("adverse event", used, n, options)
    if len(used) and (used["soc"] == NO_CLASS).all():
        why = "not known: no event has a class (soc of toxicities.csv)"
        return rows + [
            number(what, float("nan"), n=0, method="not computed", note=why)
            for what in ("any infection", f"infection of CTCAE grade >= {SEVERE}")
        ]
    had = infections["subject"].nunique()
    unclear = set(used.loc[used["soc"] == NO_CLASS, "subject"]) - set(infections["subject"])
    note = "of all treated"
    if unclear:
        note += f"; counted as without, with an event of no stated class: {len(unclear)}"
    rows += rate("any infection", had, n, note=note, **options)
    return rows + _severe("infection", infections, n, options)


def _severe(name: str, rows: pd.DataFrame, n: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    by_ctcae = is_ctcae(rows["scale"])
    own = rows["kind"].isin(_SYNDROMES) & ~by_ctcae
    graded = rows["grade"].notna()
    severe = rows["grade"] >= SEVERE
    what = f"{name} of CTCAE grade >= {SEVERE}"
    out = []
    if len(rows[~own]) and not (by_ctcae & graded).any():
        why = f"not known: no {name} has a grade by CTCAE (scale and grade of toxicities.csv)"
        out.append(number(what, float("nan"), n=0, method="not computed", note=why))
    else:
        count = rows.loc[by_ctcae & severe, "subject"]
        unclear = set(rows.loc[~own & ~(by_ctcae & graded), "subject"]) - set(count)
        note = "of all treated"
        if unclear:
            note += f"; counted as without, with one not graded by CTCAE: {len(unclear)}"
        out += rate(what, count.nunique(), n, note=note, **options)
    others = rows[~own & ~by_ctcae & graded]
    for scale, some in others.groupby("scale", sort=True):
        count = some.loc[some["grade"] >= SEVERE, "subject"]
        label = f"{name} of grade >= {SEVERE} ({scale})"
        out += rate(label, count.nunique(), n, note="of all treated", **options)
    return out
