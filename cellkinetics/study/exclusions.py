"""Samples that are kept out of the kinetic likelihood, with the reason: never in silence.

A sample is kept out if it was drawn before the cells (``pre-infusion``), at the very time of the
first infusion (``at-infusion``: by convention drawn just before it), or after a treatment that acts
on the cells as no kinetic model here describes (``conditioning``, ``cytotoxic``, ``cell_product``,
``transplant``, ``other_therapy``). A sample at the very time of such a treatment still counts.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.study.findings import listed
from cellkinetics.study.study import Study

REASONS = (
    "pre-infusion",
    "at-infusion",
    "conditioning",
    "cytotoxic",
    "cell_product",
    "transplant",
    "other_therapy",
)

# Drugs that lower lymphocytes, read as cytotoxic after the infusion where treatments.csv gives no
# kind. Generic names; cell-cycle drugs, alkylators and lymphocyte-depleting antibodies.
_DRUGS = """
    alemtuzumab amsacrine anti-thymocyte-globulin atg azacitidine bendamustine busulfan carmustine
    cladribine clofarabine cpx-351 cyclophosphamide cytarabine daunorubicin decitabine doxorubicin
    etoposide fludarabine gemtuzumab-ozogamicin hydroxycarbamide hydroxyurea idarubicin ifosfamide
    melphalan mercaptopurine methotrexate mitoxantrone pentostatin thioguanine thiotepa topotecan
    treosulfan venetoclax vincristine
"""
CYTOTOXIC_DRUGS = frozenset(_DRUGS.split())

# Conditioning begins at most so long before the transplant that it prepares.
CONDITIONING_DAYS = 30.0


def exclusions(study: Study, *, keep: Collection[str] = ()) -> pd.DataFrame:
    """Say for every sample whether and why it is kept out of the kinetic likelihood.

    Parameters
    ----------
    study : Study
    keep : collection of str      reasons that do not count, such as "pre-infusion"; or a reason for
                                  one analyte, such as "at-infusion:tumour"

    Returns
    -------
    DataFrame, index as ``study.samples``:
        reason                    one of ``REASONS``, or None where the sample is kept
        since                     day of the event that the reason stands for, else NaN
        detail                    a few words, such as "busulfan from day 84"

    Raises
    ------
    SpecError                     if ``keep`` names an unknown reason or analyte
    """
    kept = _parse_keep(keep, study.analytes)
    samples = study.samples
    first = samples["subject"].map(_first_infusion(study)).fillna(0.0).to_numpy(dtype=np.float64)
    days = samples["time"].to_numpy(dtype=np.float64)
    reasons, details = (np.full(len(samples), None, dtype=object) for _ in range(2))
    sinces, counted = np.full(len(samples), np.nan), np.ones(len(samples), dtype=bool)
    spared = {
        reason: samples["analyte"].isin([name for why, name in kept if why == reason]).to_numpy()
        for reason in REASONS
    }

    def leave_out(rows: NDArray[np.intp], reason: str, since: object, detail: str) -> None:
        here = rows[counted[rows] & ~spared[reason][rows]]
        reasons[here], details[here], counted[here] = reason, detail, False
        sinces[here] = first[here] if since is None else since

    leave_out(np.flatnonzero(days < first), "pre-infusion", None, "before the infusion")
    leave_out(np.flatnonzero(days == first), "at-infusion", None, "at the infusion")
    rows_of = _rows_of(samples)
    for cause in _later_causes(study):
        mine = rows_of.get(cause.subject)
        if mine is not None and cause.day > first[mine[0]]:
            leave_out(mine[days[mine] > cause.day], cause.reason, cause.day, cause.detail)
    return pd.DataFrame(
        {"reason": reasons, "since": sinces, "detail": details}, index=samples.index
    )


def count_exclusions(excluded: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Count the samples that are kept out.

    Parameters
    ----------
    excluded : DataFrame          of ``exclusions``
    samples : DataFrame           the study's samples, same index

    Returns
    -------
    DataFrame                     analyte, reason, rows, subjects; one row a pair that occurs
    """
    frame = samples[["subject", "analyte"]].assign(reason=excluded["reason"]).dropna()
    counted = frame.groupby(["analyte", "reason"], sort=False)["subject"].agg(["size", "nunique"])
    return counted.rename(columns={"size": "rows", "nunique": "subjects"}).reset_index()


def treatment_kinds(study: Study) -> pd.Series:
    """Give every treatment its kind: as written, else from the drug if it was given afterwards.

    A drug of ``CYTOTOXIC_DRUGS`` after the first infusion is ``conditioning`` if a transplant of
    that subject follows within ``CONDITIONING_DAYS``, else ``cytotoxic``.

    Returns
    -------
    Series, index as ``study.treatments``; None where nothing is known
    """
    treatments = study.treatments
    start = treatments["subject"].map(_first_infusion(study)).fillna(0.0)
    drug = treatments["drug"].map(_generic)
    read = treatments["kind"].isna() & drug.isin(CYTOTOXIC_DRUGS) & (treatments["time"] > start)
    transplants = study.events[study.events["event"] == "transplant"]
    soon = np.zeros(len(treatments), dtype=bool)
    rows_of = _rows_of(treatments)
    days = treatments["time"].to_numpy(dtype=np.float64)
    for subject, day in zip(transplants["subject"], transplants["time"], strict=True):
        mine = rows_of.get(subject, np.empty(0, dtype=np.intp))
        soon[mine] |= (days[mine] >= day - CONDITIONING_DAYS) & (days[mine] <= day)
    return treatments["kind"].mask(read & soon, "conditioning").mask(read & ~soon, "cytotoxic")


def _rows_of(table: pd.DataFrame) -> dict[str, NDArray[np.intp]]:
    """Positions of each subject's rows."""
    groups = table.groupby("subject").indices
    return {str(subject): np.asarray(rows, dtype=np.intp) for subject, rows in groups.items()}


def _generic(drug: object) -> str:
    return "-".join(str(drug).lower().split())


def _first_infusion(study: Study) -> pd.Series:
    return study.infusions.groupby("subject")["time"].min()


class _Cause(NamedTuple):
    subject: str
    day: float
    reason: str
    detail: str


def _later_causes(study: Study) -> list[_Cause]:
    """List what cuts samples off after the infusion, the earliest first."""
    treatments = study.treatments.assign(kind=treatment_kinds(study))
    cutting = treatments[treatments["kind"].isin(["conditioning", "cytotoxic", "cell_product"])]
    events = study.events[study.events["event"].isin(["transplant", "other_therapy"])]
    causes = [
        _Cause(row["subject"], row["time"], row["kind"], f"{row['drug']} from day {row['time']:g}")
        for row in cutting.to_dict("records")
    ] + [
        _Cause(
            row["subject"],
            row["time"],
            row["event"],
            f"{row['event'].replace('_', ' ')} on day {row['time']:g}",
        )
        for row in events.to_dict("records")
    ]
    return sorted(causes, key=lambda cause: cause.day)


def _parse_keep(keep: Collection[str], analytes: tuple[str, ...]) -> set[tuple[str, str]]:
    if isinstance(keep, str):
        raise SpecError(f"keep={keep!r} is one text; write a list, such as [{keep!r}].")
    pairs: set[tuple[str, str]] = set()
    for item in keep:
        reason, _, analyte = item.partition(":")
        if reason not in REASONS:
            raise SpecError(
                f"{reason!r} is not a reason to keep samples out. {did_you_mean(reason, REASONS)}"
            )
        if analyte and analyte not in analytes:
            raise SpecError(
                f"{item!r}: the study has no analyte {analyte!r}; it has {listed(analytes)}. "
                f"{did_you_mean(analyte, analytes)}"
            )
        pairs |= {(reason, name) for name in ([analyte] if analyte else analytes)}
    return pairs
