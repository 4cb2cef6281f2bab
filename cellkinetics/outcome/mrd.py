"""Measurable residual disease: what each sample says, below or above the cut-off."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, StudyError, UnitError
from cellkinetics.outcome.counts import analyte_rows
from cellkinetics.study.findings import line_word
from cellkinetics.study.limits import DROPPED, classify
from cellkinetics.study.study import Study
from cellkinetics.units import convert

NEGATIVE, POSITIVE, NOT_EVALUABLE = "negative", "positive", "not evaluable"
COLUMNS = (
    "subject",
    "time",
    "verdict",
    "value",
    "lod",
    "status",
    "disagreement",
    "reason",
    "source",
    "line",
)


class Verdict(NamedTuple):
    """What a sample says, why, and whether the laboratory said otherwise."""

    verdict: str
    reason: str
    disagreement: bool


def judge(value: float, lod: float, status: str | None, cutoff: float) -> Verdict:
    """Judge one sample of assessments.csv.

    Parameters
    ----------
    value, lod, cutoff : float, %     value and lod NaN where not given
    status : str, optional            the laboratory's: negative, positive or not_evaluable

    Returns
    -------
    Verdict                           the value decides where there is one; a sample whose detection
                                      limit is above the cut-off is never negative
    """
    blind = lod > cutoff
    limit = f"detection limit {lod:g} % above the cut-off {cutoff:g} %"
    if status == "not_evaluable":
        said = "" if np.isnan(value) else f", with a value of {value:g} %"
        return Verdict(NOT_EVALUABLE, f"not evaluable by the laboratory{said}", not np.isnan(value))
    if np.isnan(value):
        if status == "positive":
            return Verdict(POSITIVE, "positive by the laboratory, no value", False)
        if status is None:
            return Verdict(NOT_EVALUABLE, "a detection limit alone: no value, no status", False)
        if blind:
            return Verdict(NOT_EVALUABLE, f"negative by the laboratory, but {limit}", True)
        known = "detection limit not stated" if np.isnan(lod) else f"detection limit {lod:g} %"
        return Verdict(NEGATIVE, f"negative by the laboratory, {known}", False)
    if value >= cutoff:
        reason = f"{value:g} % at or above the cut-off {cutoff:g} %"
        return Verdict(POSITIVE, _against(reason, status, "negative"), status == "negative")
    if blind:
        return Verdict(NOT_EVALUABLE, f"{value:g} %, but {limit}", status == "negative")
    known = ", detection limit not stated" if np.isnan(lod) else ""
    reason = f"{value:g} % below the cut-off {cutoff:g} %{known}"
    return Verdict(NEGATIVE, _against(reason, status, "positive"), status == "positive")


def mrd_samples(
    study: Study, *, cutoff_pct: float | None = None, specimen: str | None = None
) -> pd.DataFrame:
    """Every MRD sample of a study with its verdict.

    Parameters
    ----------
    study : Study
    cutoff_pct : float, %         the study's own (0.1 % unless study.toml says otherwise)
    specimen : str                "marrow" or "blood"; the study's own unless given

    Returns
    -------
    DataFrame, in order of subject (as in the files) and time:
        subject, time
        verdict                   "negative", "positive", "not evaluable"; None for a sample of
                                  another specimen
        value, lod                %
        status                    the laboratory's
        disagreement              the laboratory said otherwise
        reason
        source, line              assessments.csv, or samples.csv (analyte "mrd")

    Raises
    ------
    SpecError                     a cut-off that is not above 0 and at most 100 %, a bad specimen
    StudyError                    samples of analyte "mrd" whose unit is not a percentage
    """
    cutoff = study.settings.mrd.cutoff_pct if cutoff_pct is None else cutoff_pct
    if not 0 < cutoff <= 100:
        raise SpecError(f"an MRD cut-off of {cutoff:g} %; it is above 0 and at most 100 %.")
    wanted = specimen or study.settings.mrd.specimen
    if wanted not in {"marrow", "blood"}:
        raise SpecError(f"MRD specimen {wanted!r}; it is 'marrow' or 'blood'.")
    rows = [*_assessments(study, cutoff, wanted), *_samples(study, cutoff, wanted)]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    return out.astype(
        {"time": float, "value": float, "lod": float, "disagreement": bool, "line": np.int64}
    )


def _assessments(study: Study, cutoff: float, wanted: str) -> list[tuple[object, ...]]:
    frame = study.assessments
    given = frame["mrd_value"].notna() | frame["mrd_lod"].notna() | frame["mrd_status"].notna()
    out: list[tuple[object, ...]] = []
    frame = frame.assign(file=study.files("assessments"))
    for row in frame[given].to_dict("records"):
        value, lod, status = row["mrd_value"], row["mrd_lod"], row["mrd_status"]
        verdict: str | None
        if wanted == study.settings.mrd.specimen:
            verdict, reason, wrong = judge(value, lod, status, cutoff)
        else:
            verdict, wrong = None, False
            reason = f"assessments.csv holds {study.settings.mrd.specimen}, not {wanted}"
        place = (row["subject"], row["time"])
        out.append((*place, verdict, value, lod, status, wrong, reason, row["file"], row["line"]))
    return out


def _samples(study: Study, cutoff: float, wanted: str) -> list[tuple[object, ...]]:
    rows = analyte_rows(study, "mrd")
    if rows.empty:
        return []
    read = classify(rows, error_family="combined", zeros_as_read=study.settings.zeros_as_read)
    rows = rows.assign(file=study.files("samples"))
    out: list[tuple[object, ...]] = []
    for row, bounds in zip(rows.to_dict("records"), read.to_dict("records"), strict=True):
        if bounds["kind"] == DROPPED:
            continue
        try:
            low, high, lod = (
                convert(float(x), str(row["unit"]), "%")
                for x in (bounds["lower"], bounds["upper"], row["lod"])
            )
        except UnitError as error:
            raise StudyError(
                f"{row['file']}, {line_word(row['file'])} {row['line']} "
                f"(subject {row['subject']}), unit: got "
                f"{row['unit']!r} for 'mrd'; wanted % ({error}). Correct it, or rename the analyte."
            ) from None
        verdict: str | None
        if wanted not in (row["specimen"] or wanted).casefold():
            verdict, reason = None, f"specimen {row['specimen']}, not {wanted}"
        else:
            verdict, reason = _between(low, high, lod, cutoff)
        value = low if low == high else np.nan
        place = (row["subject"], row["time"])
        out.append((*place, verdict, value, lod, None, False, reason, row["file"], row["line"]))
    return out


def _between(low: float, high: float, lod: float, cutoff: float) -> tuple[str, str]:
    """Judge a reading that lies between two bounds."""
    if low >= cutoff:
        return POSITIVE, f"{low:g} % or more, at or above the cut-off {cutoff:g} %"
    if high > cutoff:
        return NOT_EVALUABLE, f"between {max(low, 0):g} and {high:g} %: on neither side of it"
    if lod > cutoff:
        return NOT_EVALUABLE, f"detection limit {lod:g} % above the cut-off {cutoff:g} %"
    return NEGATIVE, f"below the cut-off {cutoff:g} %"


def _against(reason: str, status: str | None, other: str) -> str:
    return f"{reason}; {status} by the laboratory" if status == other else reason
