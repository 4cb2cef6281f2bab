"""ADSL to ``subjects``, and the dates that give the calendar."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from cellkinetics.errors import UnitError
from cellkinetics.study.cdisc.dataset import Dataset
from cellkinetics.study.cdisc.days import Calendar
from cellkinetics.study.cdisc.parts import part_of
from cellkinetics.study.findings import counted, listed, shown
from cellkinetics.study.tables import BY_NAME
from cellkinetics.units import convert

# Start of treatment, the best first; RFSTDTC may be a consent or a randomisation.
_STARTS = ("TRTSDT", "TRTSDTM", "AP01SDT", "RFXSTDTC", "RFSTDTC")
_WEIGHTS = ("WEIGHTBL", "WTBL", "BWTBL", "WGTBL", "WEIGHT")
_CUTS = ("DCUTDT", "DATACUTDT", "CUTOFFDT")
_DATED = re.compile(r".*(DT|DTM|DTC|TM|DTF|TMF)")
_NOT_COVARIATES = {"USUBJID", "DOMAIN"}


def start_dates(adsl: Dataset) -> dict[str, float]:
    """Date (ordinal) of the first treatment of each subject who has one."""
    out: dict[str, float] = {}
    for name in _STARTS:
        if adsl.has(name):
            for subject, day in zip(adsl.subjects, adsl.dates(name), strict=True):
                if not np.isnan(day):
                    out.setdefault(subject, float(day))
    return out


def read_subjects(adsl: Dataset, calendar: Calendar) -> pd.DataFrame:
    """Read the subjects, with every variable that is no date as a covariate.

    Parameters
    ----------
    adsl : Dataset
    calendar : Calendar

    Returns
    -------
    DataFrame                     ``subjects``
    """
    at = range(len(adsl))
    columns: dict[str, list[str] | np.ndarray] = {"subject": adsl.subjects}
    weight = next((name for name in _WEIGHTS if adsl.has(name)), None)
    if weight:
        columns["weight_kg"] = adsl.numbers(weight) * _in_kg(adsl, weight)
    cut = next((name for name in _CUTS if adsl.has(name)), None)
    if cut:
        columns["data_cut"] = calendar.study_days(adsl, (), (cut,))
    dates = [name for name in adsl.raw if _DATED.fullmatch(name)]
    reserved = {*BY_NAME["subjects"].names, "line"}
    for name in adsl.raw:
        if name in dates or name in _NOT_COVARIATES or name == weight:
            continue
        covariate = name.lower()
        columns[f"{covariate}_adsl" if covariate in reserved else covariate] = adsl.texts(name)
    if dates:
        adsl.say(
            "dates-left-out",
            came=f"{counted(len(dates), 'date')}: {listed(dates)}",
            cure="Dates are no covariates; days since the infusion are kept where they matter.",
        )
    studies = sorted(set(filter(None, adsl.texts("STUDYID"))))
    if len(studies) > 1:
        adsl.say(
            "several-studies",
            column="STUDYID",
            came=f"{counted(len(studies), 'study').replace('studys', 'studies')}: "
            f"{listed(map(shown, studies))}",
            wanted="one study in a folder",
            cure="They are read as one; studyid is a covariate.",
        )
    return part_of("subjects", adsl, at, columns)


def _in_kg(adsl: Dataset, weight: str) -> np.ndarray:
    units = adsl.texts(f"{weight}U", "WEIGHTU", "WTBLU")
    factor: Mapping[str, float] = {}
    factor = {text: _kilograms(text) for text in set(units)}
    for i, text in enumerate(units):
        if np.isnan(factor[text]):
            adsl.say(
                "weight-not-in-kg",
                i,
                weight,
                came=f"a weight in {shown(text)}",
                wanted="kg (or a unit of mass)",
                cure="Correct the unit.",
            )
    return np.asarray([factor[text] for text in units], dtype=np.float64)


def _kilograms(text: str) -> float:
    unit = text.lower().rstrip("s") or "kg"
    try:
        return convert(1.0, "lb" if unit == "lb" else unit, "kg")
    except UnitError:
        return np.nan


def study_name(adsl: Dataset | None, fallback: str) -> str:
    """Return the study's STUDYID, else the name of the folder."""
    names = filter(None, adsl.texts("STUDYID") if adsl else ())
    return next(names, fallback or "study")
