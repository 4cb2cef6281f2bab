"""Exposure over subjects: geometric means, medians, and Kaplan-Meier where it is censored."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.exposure.nca import NcaResult
from cellkinetics.exposure.notes import NOT_ESTIMABLE
from cellkinetics.exposure.registry import BY_NAME
from cellkinetics.survival.kaplan_meier import KaplanMeier, kaplan_meier, quantile

# Variance of logs beyond which exp is no number any more.
_WIDEST = float(np.log(np.finfo(np.float64).max))
CENSORED = "persistence"
ALL = "all"


def grouping(result: NcaResult, by: str | Mapping[str, str] | None) -> pd.Series:
    """Name the group of every subject.

    Parameters
    ----------
    result : NcaResult
    by : str or mapping, optional     a column of subjects.csv, or subject -> group

    Returns
    -------
    Series, index subject             None for a subject in no group

    Raises
    ------
    SpecError                         there is no such column
    """
    who = result.subjects["subject"]
    if by is None:
        return pd.Series(ALL, index=who)
    if isinstance(by, str):
        known = [c for c in result.subjects.columns if c not in ("subject", "line")]
        if by not in known:
            raise SpecError(f"subjects.csv has no column '{by}'. {did_you_mean(by, known)}")
        labels = result.subjects[by]
        return pd.Series(labels.where(labels.notna(), None).to_numpy(dtype=object), index=who)
    return pd.Series([by.get(s) for s in who], index=who, dtype=object)


def summarise(result: NcaResult, *, by: str | Mapping[str, str] | None = None) -> pd.DataFrame:
    """Summarise every metric over subjects.

    Parameters
    ----------
    result : NcaResult
    by : str or mapping, optional     a column of subjects.csv, or subject -> group

    Returns
    -------
    DataFrame                         analyte, specimen, group, metric, unit, subjects (profiles),
                                      n (of them with a value), geo_mean, geo_cv_pct, median, min,
                                      max, extrapolated (values beyond Tlast), note. The geometric
                                      CV is 100 sqrt(exp(s^2) - 1), s the SD of the logs. The median
                                      of persistence is that of Kaplan-Meier
    """
    groups = grouping(result, by)
    long = result.long.assign(group=result.long["subject"].map(groups))
    positive = long["value"].where(long["value"] > 0)
    long = long.assign(
        log=np.log(positive),
        some=long["value"].notna(),
        not_positive=long["value"] <= 0,
        extrapolated=long["flag"].str.contains("extrapolated") & long["value"].notna(),
    )
    keys = ["analyte", "specimen", "group", "metric"]
    grouped = long.groupby(keys, sort=False, dropna=True)
    table = grouped.agg(
        unit=("unit", "first"),
        subjects=("value", "size"),
        n=("some", "sum"),
        mean_log=("log", "mean"),
        sd_log=("log", "std"),
        not_positive=("not_positive", "sum"),
        median=("value", "median"),
        min=("value", "min"),
        max=("value", "max"),
        extrapolated=("extrapolated", "sum"),
    ).reset_index()
    fits = table["metric"].map(lambda m: BY_NAME[m].geometric if m in BY_NAME else True)
    fits &= table["not_positive"] == 0
    table["geo_mean"] = np.exp(table["mean_log"]).where(fits)
    variance = table["sd_log"] ** 2
    told = ~(variance > _WIDEST)  # a missing SD has a missing CV already
    table["geo_cv_pct"] = (100 * np.sqrt(np.expm1(variance.where(told)))).where(fits)
    table["note"] = np.where(told | ~fits, "", "geometric CV too large for a number")
    for i, row in table[table["metric"] == CENSORED].iterrows():
        km = persistence(result, row["analyte"], row["specimen"], groups == row["group"])
        if km is None:
            table.loc[i, "note"] = "nobody was quantifiable"
            continue
        table.loc[i, "median"] = quantile(km).value
        table.loc[i, "note"] = f"Kaplan-Meier median; {km.n - km.events} of {km.n} censored"
    columns = [*keys, "unit", "subjects", "n", "geo_mean", "geo_cv_pct", "median", "min", "max"]
    return table[[*columns, "extrapolated", "note"]]


def persistence(
    result: NcaResult,
    analyte: str,
    specimen: str = "",
    members: pd.Series | None = None,
    *,
    level: float = 0.95,
) -> KaplanMeier | None:
    """Kaplan-Meier estimate of the time to the last quantifiable reading.

    A subject who is still quantifiable at the last reading is censored there; one who never was
    quantifiable does not count.

    Parameters
    ----------
    result : NcaResult
    analyte, specimen : str
    members : Series of bool, optional    index subject: who counts
    level : float                         of the log-log interval

    Returns
    -------
    KaplanMeier                           None where nobody was quantifiable
    """
    long = result.long
    mine = long[
        (long["metric"] == CENSORED) & (long["analyte"] == analyte) & (long["specimen"] == specimen)
    ]
    if members is not None:
        mine = mine[mine["subject"].isin(members.index[members.astype(bool)])]
    mine = mine[mine["flag"] != NOT_ESTIMABLE]
    if mine.empty:
        return None
    ended = ~mine["flag"].str.contains("censored")
    return kaplan_meier(mine["value"], ended, level=level)
