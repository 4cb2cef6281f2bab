"""ADAE to ``toxicities``."""

import numpy as np
import pandas as pd

from cellkinetics.study.cdisc.dataset import Dataset
from cellkinetics.study.cdisc.days import Calendar, without_day
from cellkinetics.study.cdisc.options import ToxicityOptions
from cellkinetics.study.cdisc.parts import part_of
from cellkinetics.study.findings import shown

_STARTS, _START_DATES = ("ASTDY", "AESTDY"), ("ASTDT", "ASTDTM", "AESTDTC")
_ENDS, _END_DATES = ("AENDY", "AEENDY"), ("AENDT", "AENDTM", "AEENDTC")
_GRADES = ("AETOXGR", "ATOXGR", "AETOXGRN", "ATOXGRN")
_DLT = ("DLTFL", "AEDLT", "AEDLTFL", "ADLTFL")


def read_toxicities(data: Dataset, calendar: Calendar) -> pd.DataFrame:
    """Read the adverse events; one of which no grade is given has none here.

    Parameters
    ----------
    data : Dataset                ADAE
    calendar : Calendar

    Returns
    -------
    DataFrame                     rows of ``toxicities``
    """
    options = calendar.options.toxicity
    start = calendar.study_days(data, _STARTS, _START_DATES)
    end = calendar.study_days(data, _ENDS, _END_DATES)
    kept = without_day(data, start, np.ones(len(data), dtype=np.bool_), _STARTS)
    at = [int(i) for i in np.flatnonzero(kept)]
    terms, classes = data.texts("AEDECOD", "AETERM"), data.texts("AEBODSYS", "AESOC")
    kinds = [_kind(terms[i], data.texts("AETERM")[i], options) for i in range(len(data))]
    scales = {"CRS": options.crs_scale, "ICANS": options.icans_scale, "other": options.scale}
    grades = [_grade(data, i) for i in range(len(data))]
    dlt = data.texts(*_DLT)
    return part_of(
        "toxicities",
        data,
        at,
        {
            "subject": [data.subjects[i] for i in at],
            "time": start[at],
            "end": end[at],
            "term": [terms[i] for i in at],
            "soc": [classes[i] for i in at],
            "kind": [kinds[i] for i in at],
            "scale": [scales[kinds[i]] for i in at],
            "grade": [grades[i] for i in at],
            "dlt": [dlt[i] for i in at],
        },
    )


def _kind(term: str, reported: str, options: ToxicityOptions) -> str:
    words = {term.upper().strip(), reported.upper().strip()}
    if words & set(options.crs):
        return "CRS"
    return "ICANS" if words & set(options.icans) else "other"


def _grade(data: Dataset, i: int) -> str:
    """Read "3", "GRADE 3" or "Grade 3" as 3; anything else is a finding."""
    text = data.texts(*_GRADES)[i]
    number = text.upper().removeprefix("GRADE").strip()
    if number in {"", *(str(g) for g in range(6)), *(f"{g}.0" for g in range(6))}:
        return number
    data.say(
        "not-a-number",
        i,
        next(name for name in _GRADES if data.texts(name)[i]),
        came=shown(text),
        wanted="a grade from 0 to 5",
        cure="Correct it, or leave it empty.",
    )
    return ""
