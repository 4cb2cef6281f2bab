"""Exposure over subjects: geometric means, medians, and Kaplan-Meier where it is censored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.exposure.nca import NcaResult
from cellkinetics.exposure.notes import NOT_ESTIMABLE
from cellkinetics.exposure.registry import BY_NAME

# Variance of logs beyond which exp is no number any more.
_WIDEST = float(np.log(np.finfo(np.float64).max))
CENSORED = "persistence"
ALL = "all"


@dataclass(frozen=True)
class KaplanMeier:
    """Persistence of one analyte in one group.

    Attributes
    ----------
    curve : DataFrame             time, at_risk, events, survival, lower, upper
    n, events : int
    median, lower, upper : float  inf where the curve, or its limit, never falls to one half
    """

    curve: pd.DataFrame
    n: int
    events: int
    median: float
    lower: float
    upper: float


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
        table.loc[i, "median"] = km.median
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
) -> KaplanMeier:
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
    KaplanMeier
    """
    from lifelines import KaplanMeierFitter  # noqa: PLC0415  (seconds to import)

    long = result.long
    mine = long[
        (long["metric"] == CENSORED) & (long["analyte"] == analyte) & (long["specimen"] == specimen)
    ]
    if members is not None:
        mine = mine[mine["subject"].isin(members.index[members.astype(bool)])]
    mine = mine[mine["flag"] != NOT_ESTIMABLE]
    if mine.empty:
        empty = pd.DataFrame(
            {c: [] for c in ("time", "at_risk", "events", "survival", "lower", "upper")},
            dtype=np.float64,
        )
        return KaplanMeier(empty, 0, 0, *(float("nan"),) * 3)
    ended = ~mine["flag"].str.contains("censored")
    fitter = KaplanMeierFitter(alpha=1 - level)
    fitter.fit(mine["value"], ended)
    band = fitter.confidence_interval_survival_function_
    survival = fitter.survival_function_.iloc[:, 0].to_numpy()
    # Where nobody is left the log-log interval does not exist; lifelines writes 0 to 0.
    limits = np.where(survival[:, None] > 0, band.to_numpy(), np.nan)
    curve = pd.DataFrame(
        {
            "time": fitter.event_table.index.to_numpy(dtype=np.float64),
            "at_risk": fitter.event_table["at_risk"].to_numpy(dtype=np.float64),
            "events": fitter.event_table["observed"].to_numpy(dtype=np.float64),
            "survival": survival,
            "lower": limits[:, 0],
            "upper": limits[:, 1],
        }
    )
    return KaplanMeier(
        curve,
        n=len(mine),
        events=int(ended.sum()),
        median=_half(curve["time"], curve["survival"]),
        lower=_half(curve["time"], curve["lower"]),
        upper=_half(curve["time"], curve["upper"]),
    )


def _half(times: pd.Series, curve: pd.Series) -> float:
    """Time at which a curve falls to one half, inf where it does not.

    Where it runs level at one half, the middle of that stretch, as R's survival has it.
    """
    low = curve <= 0.5 + 1e-9
    if not low.any():
        return float("inf")
    first = times[low].iloc[0]
    under = low & (curve < curve[low].iloc[0])
    level = abs(curve[low].iloc[0] - 0.5) < 1e-9 and under.any()
    return float((first + times[under].iloc[0]) / 2 if level else first)
