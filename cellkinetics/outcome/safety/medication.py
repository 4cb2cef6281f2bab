"""Tocilizumab and corticosteroids given after the infusion."""

import pandas as pd

from cellkinetics.outcome.treated import last_days
from cellkinetics.study.study import Study

TOCILIZUMAB, STEROID = "tocilizumab", "corticosteroid"
# Parts of a drug's name: "iv dexamethasone 10 mg", "Dexamethason", "Solu-Medrol".
_NAMES = {
    TOCILIZUMAB: ("tocilizumab", "actemra"),
    STEROID: ("dexamet", "prednis", "hydrocortis", "decadron", "medrol"),
}


def medication(study: Study, cutoff: float | None = None) -> pd.DataFrame:
    """Rows of treatments.csv with tocilizumab or a corticosteroid, from day 0 on.

    Parameters
    ----------
    study : Study
    cutoff : float, day           a data cut

    Returns
    -------
    DataFrame, by subject and time: subject, time, end, drug, dose, unit, medication
    ("tocilizumab" or "corticosteroid": by ``kind``, by the drug's name where kind is empty), line
    """
    rows = study.treatments.copy()
    drug = rows["drug"].fillna("").astype(str).str.casefold()
    by_name = pd.Series(None, index=rows.index, dtype=object)
    for kind, names in _NAMES.items():
        by_name[drug.str.contains("|".join(names))] = kind
    rows["medication"] = rows["kind"].where(rows["kind"].notna(), by_name)
    last = rows["subject"].map(last_days(study, cutoff))
    kept = rows["medication"].isin(_NAMES) & (rows["time"] >= 0) & (rows["time"] <= last)
    columns = ["subject", "time", "end", "drug", "dose", "unit", "medication", "line"]
    return rows.loc[kept, columns].sort_values(
        ["subject", "time"], kind="stable", ignore_index=True
    )
