"""The data cut: one day for every part, and a list of what lies after it."""

from dataclasses import replace

import numpy as np
import pandas as pd

from cellkinetics.study.study import Study
from cellkinetics.study.tables import TABLES

# What a row is about, by table.
_WHAT = {
    "infusions": "cells",
    "samples": "analyte",
    "assessments": "response",
    "events": "event",
    "toxicities": "term",
    "treatments": "drug",
}
COLUMNS = ("table", "file", "line", "subject", "time", "cut", "what")


def cut_days(study: Study, cutoff: float | None) -> pd.Series:
    """Day after which a subject's rows are not used: the cut-off or the subject's own data cut.

    Returns
    -------
    Series, index subject; day    the earlier of the two; inf where there is neither
    """
    own = study.subjects.set_index("subject")["data_cut"].astype(np.float64)
    return own.fillna(np.inf).clip(upper=np.inf if cutoff is None else cutoff)


def rows_after(study: Study, cutoff: float | None) -> pd.DataFrame:
    """List every row of the study that lies after the data cut.

    Returns
    -------
    DataFrame                     table, file, line, subject, time, cut (day), what
    """
    days = cut_days(study, cutoff)
    parts = []
    for table in TABLES:
        frame = study.table(table.name)
        if "time" not in frame or frame.empty:
            continue
        limit = frame["subject"].map(days)
        late = frame["time"] > limit
        if late.any():
            rows = frame.loc[late, ["line", "subject", "time"]].assign(
                table=table.name, file=study.files(table.name)[late], cut=limit[late]
            )
            what = _WHAT.get(table.name)
            rows["what"] = frame.loc[late, what].map(str) if what else table.name
            parts.append(rows[list(COLUMNS)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def samples_up_to(study: Study, cutoff: float | None) -> Study:
    """Leave out samples after the data cut, for the parts that read samples alone.

    Events and assessments stay: they say that a subject was alive at the cut.
    """
    late = study.samples["time"] > study.samples["subject"].map(cut_days(study, cutoff))
    return replace(study, samples=study.samples[~late]) if late.any() else study
