"""EX and the doses in ADPPK or ADPC to ``infusions``; what else was given to ``treatments``."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cellkinetics.errors import UnitError
from cellkinetics.study.cdisc.dataset import Bools, Dataset, Floats, mask
from cellkinetics.study.cdisc.days import Calendar, elapsed_days, without_day
from cellkinetics.study.cdisc.options import OPTIONS_TOML, CdiscOptions
from cellkinetics.study.cdisc.parts import part_of
from cellkinetics.study.cdisc.samples import dose_records
from cellkinetics.study.cdisc.units import factors_to, spelt
from cellkinetics.study.findings import counted, listed, shown
from cellkinetics.units import parse_unit

EX_DAYS, EX_DATES = ("ASTDY", "EXSTDY"), ("ASTDT", "ASTDTM", "EXSTDTC")
_EX_ENDS, _EX_END_DATES = ("AENDY", "EXENDY"), ("AENDT", "AENDTM", "EXENDTC")
_CM_DAYS, _CM_DATES = ("ASTDY", "CMSTDY"), ("ASTDT", "ASTDTM", "CMSTDTC")
_CM_ENDS, _CM_END_DATES = ("AENDY", "CMENDY"), ("AENDT", "AENDTM", "CMENDTC")
_CELLS = "cells"  # the analyte of a dose, in findings


def cell_doses(data: Dataset, options: CdiscOptions) -> Bools:
    """Records of EX that are infusions of the cells: named in the options, else dosed in cells."""
    given = mask([text.upper() != "N" for text in data.texts("EXOCCUR")])
    if not given.all():
        data.say(
            "rows-left-out",
            column="EXOCCUR",
            came=f"{counted(int((~given).sum()), 'record')} with EXOCCUR N",
            cure="They were not given.",
        )
    drugs = [text.upper() for text in data.texts("EXTRT")]
    if options.doses.treatments:
        return given & mask([d in options.doses.treatments for d in drugs])
    units = data.texts("EXDOSU")
    in_cells = [_in_cells(unit or options.doses.unit or "") for unit in units]
    out = given & mask(in_cells)
    if len(data) and not out.any():
        data.say(
            "no-cells-in-ex",
            column="EXDOSU",
            came=f"no dose in cells (units: {listed(map(shown, sorted(set(units))))})",
            wanted="the infusions of the cells",
            cure=f"Name them in {OPTIONS_TOML}: doses.treatments = [EXTRT, ...] and doses.unit.",
        )
    return out


def _in_cells(text: str) -> bool:
    try:
        return dict(parse_unit(spelt(text)).powers) in ({"cells": 1}, {"cells": 1, "kg": -1})
    except UnitError:
        return False


def read_infusions(
    data: Dataset, calendar: Calendar, rows: Bools, dose_unit: str | None
) -> tuple[pd.DataFrame, str | None]:
    """Read the infusions of EX, or the dose records of ADPPK or ADPC.

    Parameters
    ----------
    data : Dataset
    calendar : Calendar
    rows : array (record,) of bool   its records that are infusions of the cells
    dose_unit : str, optional     the unit asked for

    Returns
    -------
    DataFrame, str                rows of ``infusions`` and their unit
    """
    option = calendar.options.doses.unit
    if data.name == "EX":
        days, columns = calendar.study_days(data, EX_DAYS, EX_DATES), EX_DAYS
        amount, units = data.numbers("EXDOSE"), data.texts("EXDOSU")
    else:
        days, columns = elapsed_days(data, calendar, rows), ("AFRLT", "ADY")
        amount = data.numbers("AMT", "DOSEA", "AVAL")
        units = data.texts("DOSEU", "AMTU", "AVALU")
    units = [unit or option or dose_unit or "" for unit in units]
    kept = without_day(data, days, rows, columns)
    asked = dose_unit or next((_plain(units[i]) for i in np.flatnonzero(kept) if units[i]), None)
    column = next((n for n in ("EXDOSU", "DOSEU", "AMTU") if data.has(n)), "AVALU")
    factor, unit = factors_to(data, kept, units, _CELLS, asked, column)
    at = [int(i) for i in np.flatnonzero(kept & ~np.isnan(factor))]
    part = part_of(
        "infusions",
        data,
        at,
        {
            "subject": [data.subjects[i] for i in at],
            "time": [days[i] for i in at],
            "cells": [amount[i] * factor[i] for i in at],
        },
    )
    return part, unit or dose_unit


def _plain(text: str) -> str | None:
    """Name a unit without its factor: cells for 10^6 cells; None if it is none."""
    try:
        unit = parse_unit(spelt(text))
    except UnitError:
        return None
    return str(type(unit)(1.0, unit.powers))


def first_infusion_days(data: Dataset, calendar: Calendar, rows: Bools) -> dict[str, float]:
    """Day of each subject's first infusion, counted from study day 1 as 0."""
    days = calendar.study_days(data, EX_DAYS, EX_DATES, say=False)
    first: dict[str, float] = {}
    for i in np.flatnonzero(rows & ~np.isnan(days)):
        subject = data.subjects[i]
        first[subject] = min(first.get(subject, np.inf), float(days[i]))
    return first


def doses_of_pk(
    data: Dataset, calendar: Calendar, infusions: pd.DataFrame, dose_unit: str | None
) -> tuple[pd.DataFrame, str | None]:
    """Read the doses in ADPPK or ADPC of subjects whom EX does not have; compare the others.

    Returns
    -------
    DataFrame, str                further rows of ``infusions`` and their unit
    """
    rows = dose_records(data)
    if not rows.any():
        return part_of("infusions", data, [], {}), dose_unit
    part, unit = read_infusions(data, calendar, rows, dose_unit)
    known = part["subject"].isin(infusions["subject"])
    if known.any():
        data.say(
            "in-two-datasets",
            came=f"{counted(int(known.sum()), 'dose')} of subjects whose infusions are known",
            cure="Not counted again.",
        )
        _compare(data, part[known], infusions)
    return part[~known], unit


def _compare(data: Dataset, part: pd.DataFrame, infusions: pd.DataFrame) -> None:
    for subject, mine in part.groupby("subject", sort=False):
        theirs = infusions[infusions["subject"] == subject]
        alike = len(mine) == len(theirs) and np.allclose(
            sorted(mine["cells"]), sorted(theirs["cells"]), rtol=1e-3
        )
        if not alike:
            i = data.subjects.index(str(subject))
            data.say(
                "doses-differ",
                i,
                "AMT" if data.has("AMT") else "AVAL",
                came=f"{listed(f'{c:g}' for c in mine['cells'])} cells",
                wanted=f"{listed(f'{c:g}' for c in theirs['cells'])} cells, as in EX",
                cure="EX is used; correct one of the two.",
            )


def read_treatments(data: Dataset, calendar: Calendar, rows: Bools) -> pd.DataFrame:
    """Read what else was given, from EX or ADCM.

    Parameters
    ----------
    data : Dataset
    calendar : Calendar
    rows : array (record,) of bool

    Returns
    -------
    DataFrame                     rows of ``treatments``
    """
    if data.name == "EX":
        names: Sequence[str] = ("EXTRT",)
        start, dates, ends, end_dates = EX_DAYS, EX_DATES, _EX_ENDS, _EX_END_DATES
        dose, unit = data.numbers("EXDOSE"), data.texts("EXDOSU")
    else:
        names = ("CMDECOD", "CMTRT")
        start, dates, ends, end_dates = _CM_DAYS, _CM_DATES, _CM_ENDS, _CM_END_DATES
        dose, unit = data.numbers("CMDOSE"), data.texts("CMDOSU")
    days = calendar.study_days(data, start, dates)
    until = calendar.study_days(data, ends, end_dates)
    kept = without_day(data, days, rows, start)
    at = [int(i) for i in np.flatnonzero(kept)]
    drugs = data.texts(*names)
    columns: Mapping[str, list[object] | Floats] = {
        "subject": [data.subjects[i] for i in at],
        "time": days[at],
        "end": until[at],
        "drug": [drugs[i].lower() for i in at],
        "dose": dose[at],
        "unit": [unit[i] for i in at],
    }
    return part_of("treatments", data, at, columns)
