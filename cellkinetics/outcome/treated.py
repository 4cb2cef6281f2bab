"""Who counts and until when: treated subjects, the last day that is used, therapy given later."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.study.exclusions import treatment_kinds
from cellkinetics.study.study import Study

# Therapy after which a response is no longer one to the cells.
LATER_THERAPIES = ("transplant", "other_therapy")
_AS = {
    "transplant": "transplant",
    "conditioning": "transplant",
    "other_therapy": "other_therapy",
    "cytotoxic": "other_therapy",
    "cell_product": "other_therapy",
}


def treated(study: Study) -> tuple[str, ...]:
    """Subjects who were infused, in the order of subjects.csv; all, if no infusions are given."""
    everyone = study.subjects["subject"]
    if study.infusions.empty:
        return tuple(everyone)
    return tuple(everyone[everyone.isin(study.infusions["subject"])])


def untreated_note(study: Study) -> tuple[str, ...]:
    """Say who is in subjects.csv and was not infused; empty if nobody."""
    infused = set(treated(study))
    out = [s for s in study.subjects["subject"] if s not in infused]
    if not out:
        return ()
    return (f"Not infused, so in no denominator: {', '.join(out)}.",)


def last_days(study: Study, cutoff: float | None = None) -> pd.Series:
    """Last day that is used, by subject: the horizon, the subject's data cut or ``cutoff``.

    Parameters
    ----------
    study : Study
    cutoff : float, day           a data cut for everyone

    Returns
    -------
    Series, index subject; day    the earliest of the three

    Raises
    ------
    SpecError                     a cut before day 0
    """
    if cutoff is not None and not cutoff >= 0:
        raise SpecError(f"data cut on day {cutoff:g}: wanted a day from the infusion (0) on.")
    horizon = study.settings.horizon
    own = study.subjects.set_index("subject")["data_cut"].groupby(level=0).min()
    latest = own.fillna(np.inf).clip(upper=min(horizon, np.inf if cutoff is None else cutoff))
    return latest.astype(np.float64)


def unfinished(study: Study, end: float, cutoff: float | None = None) -> str:
    """Say that a window ends after everybody's data cut; empty if somebody's reaches its end.

    Parameters
    ----------
    end : float, day              last day of the window
    cutoff : float, day           a data cut for everyone; a subject's own ``data_cut`` holds too
    """
    last = _cuts(study, cutoff).max()
    return f"window ends after the cut (day {last:g})" if last < end else ""


def cut_short(study: Study, end: float, cutoff: float | None = None) -> frozenset[str]:
    """Treated subjects whose data cut is before a window ends: nobody saw them through it."""
    cuts = _cuts(study, cutoff)
    return frozenset(study.subjects.loc[cuts.index[cuts < end], "subject"])


def cut_note(subjects: Collection[str]) -> str:
    """Say how many in a denominator may yet have what they are counted as without."""
    return f"; data cut before its end, counted as without: {len(subjects)}" if subjects else ""


def last_day(study: Study, cutoff: float | None = None) -> float:
    """Last day that counts for anybody: the horizon, or a data cut for everyone before it."""
    return study.settings.horizon if cutoff is None else min(study.settings.horizon, cutoff)


def _cuts(study: Study, cutoff: float | None) -> pd.Series:
    """Each treated subject's data cut, infinite without one."""
    own = study.subjects.loc[study.subjects["subject"].isin(treated(study)), "data_cut"]
    return own.fillna(np.inf).clip(upper=np.inf if cutoff is None else cutoff)


def later_therapy(study: Study) -> pd.DataFrame:
    """First day of each kind of therapy after the infusion.

    A transplant begins with its conditioning; cytotoxic drugs, another cell product and the event
    other_therapy are other therapy. Kinds of treatments are those of
    :func:`cellkinetics.study.exclusions.treatment_kinds`.

    Returns
    -------
    DataFrame, index subject      columns ``LATER_THERAPIES``: day, NaN where there was none
    """
    treatments = study.treatments[["subject", "time"]].assign(what=treatment_kinds(study))
    events = study.events[["subject", "time"]].assign(what=study.events["event"])
    found = pd.concat([treatments, events], ignore_index=True)
    found["what"] = found["what"].map(_AS)
    found = found[found["what"].notna() & (found["time"] > 0)]
    first = found.groupby(["subject", "what"])["time"].min().unstack()
    return first.reindex(index=study.subjects["subject"].unique(), columns=list(LATER_THERAPIES))


def why_not_used(
    study: Study,
    rows: pd.DataFrame,
    *,
    cutoff: float | None = None,
    count_after: Collection[str] = (),
) -> NDArray[np.object_]:
    """Say for every row of a table why it is not used for the answer to the cells.

    Parameters
    ----------
    rows : DataFrame              subject, time
    cutoff : float, day           a data cut
    count_after : collection      therapies after which rows still count: "transplant",
                                  "other_therapy"

    Returns
    -------
    array (row,) of str or None   None where the row counts; a row on the very day of a therapy does

    Raises
    ------
    SpecError                     an unknown name in ``count_after``; a bad cut-off
    """
    if isinstance(count_after, str):
        raise SpecError(f"count_after={count_after!r} is one text; write [{count_after!r}].")
    for name in count_after:
        if name not in LATER_THERAPIES:
            raise SpecError(f"count_after: {name!r}. {did_you_mean(name, LATER_THERAPIES)}")
    days = rows["time"].to_numpy(dtype=np.float64)
    last = rows["subject"].map(last_days(study, cutoff)).to_numpy(dtype=np.float64)
    out = np.full(len(rows), None, dtype=object)
    infused = set(treated(study))
    out[~rows["subject"].isin(infused).to_numpy()] = "not infused"
    out[(days <= 0) & (out == None)] = "before the infusion"  # noqa: E711  (elementwise)
    for i in np.flatnonzero((days > last) & (out == None)):  # noqa: E711
        out[i] = f"after the last day used ({last[i]:g})"
    therapy = later_therapy(study)
    for name in LATER_THERAPIES:
        if name in count_after:
            continue
        began = rows["subject"].map(therapy[name]).to_numpy(dtype=np.float64)
        for i in np.flatnonzero((days > began) & (out == None)):  # noqa: E711
            out[i] = f"after {name.replace('_', ' ')} (from day {began[i]:g})"
    return out
