"""Neutrophils, platelets and white cells, from assessments.csv and from samples.csv alike."""

import numpy as np
import pandas as pd

from cellkinetics.errors import StudyError, UnitError
from cellkinetics.study.findings import line_word
from cellkinetics.study.limits import DROPPED, classify
from cellkinetics.study.study import Study
from cellkinetics.units import convert

UNIT = "10^9/L"
TRANSFUSION_DAYS = 7.0  # assessments.transfused: platelets given in the week before
COLUMNS = ("subject", "time", "at_least", "at_most", "transfused", "source", "line")


def counts(study: Study, name: str) -> pd.DataFrame:
    """Every reading of one blood count.

    Parameters
    ----------
    study : Study
    name : str                    "anc" or "platelets" (a column of assessments.csv, and an analyte
                                  of that name in any case), or another analyte such as "wbc"

    Returns
    -------
    DataFrame, sorted by subject and time:
        subject, time
        at_least, at_most         10^9/L; the reading lies between them (equal where it was read)
        transfused                True, False or missing; platelets only
        source, line              the file and its line

    Raises
    ------
    StudyError                    an analyte whose unit is not that of a count
    """
    parts = [_from_samples(study, name)]
    if name in study.assessments.columns:
        rows = study.assessments[study.assessments[name].notna()]
        value = rows[name].to_numpy(dtype=np.float64)
        parts.insert(
            0,
            pd.DataFrame(
                {
                    "subject": rows["subject"].to_numpy(),
                    "time": rows["time"].to_numpy(),
                    "at_least": value,
                    "at_most": value,
                    "transfused": rows["transfused"].array if name == "platelets" else pd.NA,
                    "source": study.files("assessments")[rows.index].to_numpy(),
                    "line": rows["line"].to_numpy(),
                }
            ),
        )
    filled = [part.astype({"transfused": "boolean"}) for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=list(COLUMNS)).astype(
            {"time": float, "at_least": float, "at_most": float, "transfused": "boolean"}
        )
    return pd.concat(filled, ignore_index=True).sort_values(
        ["subject", "time"], kind="stable", ignore_index=True
    )


def analyte_rows(study: Study, name: str) -> pd.DataFrame:
    """Rows of samples.csv of an analyte, in whatever case its name is written."""
    alike = [a for a in study.analytes if a.casefold() == name.casefold()]
    return study.samples[study.samples["analyte"].isin(alike)]


def _from_samples(study: Study, name: str) -> pd.DataFrame:
    rows = analyte_rows(study, name)
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    read = classify(rows, error_family="combined", zeros_as_read=study.settings.zeros_as_read)
    kept = (read["kind"] != DROPPED).to_numpy()
    rows, read = rows[kept], read[kept]
    scaled = {}
    for bound in ("lower", "upper"):
        values = read[bound].to_numpy(dtype=np.float64)
        scaled[bound] = np.full(len(rows), np.nan)
        for unit in rows["unit"].unique():
            here = (rows["unit"] == unit).to_numpy()
            try:
                scaled[bound][here] = convert(values[here], str(unit), UNIT)
            except UnitError as error:
                line = int(rows.loc[here, "line"].iloc[0])
                file = study.files("samples")[rows.index[here][0]]
                raise StudyError(
                    f"{file}, {line_word(file)} {line}, unit: got {unit!r} for {name!r}; wanted a "
                    f"unit of a blood count such as {UNIT} or cells/uL ({error}). Correct the "
                    "unit, or rename the analyte."
                ) from None
    out = pd.DataFrame(
        {
            "subject": rows["subject"].to_numpy(),
            "time": rows["time"].to_numpy(),
            "at_least": np.maximum(scaled["lower"], 0.0),
            "at_most": scaled["upper"],
            "transfused": pd.array([pd.NA] * len(rows), dtype="boolean"),
            "source": study.files("samples")[rows.index].to_numpy(),
            "line": rows["line"].to_numpy(),
        }
    )
    if name == "platelets":
        out["transfused"] = _transfused(study, out)
    return out


def _transfused(study: Study, rows: pd.DataFrame) -> pd.Series:
    """Missing where treatments.csv lists no platelets at all: then nobody recorded them."""
    given = study.treatments[
        study.treatments["drug"].str.strip().str.casefold().str.startswith("platelet", na=False)
    ]
    if given.empty:
        return rows["transfused"]
    days = given.groupby("subject")["time"].agg(list).to_dict()
    return pd.Series(
        [
            any(0 <= time - day <= TRANSFUSION_DAYS for day in days.get(subject, []))
            for subject, time in zip(rows["subject"], rows["time"], strict=True)
        ],
        index=rows.index,
        dtype="boolean",
    )


def nearest(
    readings: dict[str, list[tuple[float, float]]], subject: str, day: float, within: float
) -> float:
    """Value nearest to a day, the earlier of two as near; NaN if none is within ``within`` days."""
    close = [
        (abs(time - day), time, value)
        for time, value in readings.get(subject, [])
        if abs(time - day) <= within
    ]
    return min(close)[2] if close else float("nan")


def as_read(readings: pd.DataFrame) -> dict[str, list[tuple[float, float]]]:
    """Readings between no two limits, by subject: (day, value)."""
    sure = readings[readings["at_least"] == readings["at_most"]]
    out: dict[str, list[tuple[float, float]]] = {}
    for subject, time, value in zip(sure["subject"], sure["time"], sure["at_least"], strict=True):
        out.setdefault(subject, []).append((float(time), float(value)))
    return out
