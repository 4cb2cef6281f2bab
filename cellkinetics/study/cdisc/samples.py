"""ADPC, ADPPK and ADLB to ``samples``: each sample once, in one unit an analyte."""

from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd

from cellkinetics.study.cdisc.dataset import Bools, Dataset, Floats, mask
from cellkinetics.study.cdisc.days import Calendar, elapsed_days, without_day
from cellkinetics.study.cdisc.derived import originals
from cellkinetics.study.cdisc.options import OPTIONS_TOML, AnalyteOptions, CdiscOptions
from cellkinetics.study.cdisc.parts import part_of
from cellkinetics.study.cdisc.readings import Readings, read_results
from cellkinetics.study.cdisc.units import factors_to, is_unit, unit_texts
from cellkinetics.study.findings import counted, listed, shown

_SPECIMENS = ("PCSPEC", "LBSPEC", "ASPEC")


def dose_records(data: Dataset) -> Bools:
    """Records of ADPC or ADPPK that are doses, not samples."""
    evid = data.numbers("EVID")
    named = [
        code.upper() == "DOSE" or point.upper() == "DOSE"
        for code, point in zip(data.texts("PARAMCD"), data.texts("ATPT"), strict=True)
    ]
    doses: Bools = (evid == 1) | (np.isnan(evid) & mask(named))
    return doses


def read_samples(
    data: Dataset,
    calendar: Calendar,
    units: dict[str, str],
    *,
    elsewhere: Collection[str] = (),
    not_here: Collection[str] = (),
) -> pd.DataFrame:
    """Read the samples of one data set.

    Parameters
    ----------
    data : Dataset                ADPC, ADPPK or ADLB
    calendar : Calendar
    units : dict                  analyte -> unit asked for; analytes without one are added with the
                                  unit that most of their records have
    elsewhere : collection of str   analytes already read from another data set
    not_here : collection of str  parameter codes that belong to another table

    Returns
    -------
    DataFrame                     rows of ``samples``
    """
    options = calendar.options
    codes = [code.upper() for code in data.texts("PARAMCD")]
    told = {code: options.analytes.get(code, AnalyteOptions()) for code in set(codes)}
    names = [told[code].name or code.lower() for code in codes]
    rows = _observations(data)
    rows &= mask([c not in not_here or c in options.analytes for c in codes])
    rows = _left_out_by_option(data, rows, codes, told)
    rows = _in_two(data, rows, names, elsewhere)
    real = originals(data, options, rows)
    results = read_results(data, real.kept, real.below)
    written = unit_texts(data)
    kept = _readable(data, real.kept, codes, written, results, options)
    clock = data.name in {"ADPC", "ADPPK"}
    days = (
        elapsed_days(data, calendar, kept)
        if clock
        else calendar.study_days(data, ("ADY",), ("ADT", "ADTM"))
    )
    columns = ("AFRLT", "ADY", "NFRLT") if clock else ("ADY", "ADT")
    kept = without_day(data, days, kept, columns)
    factor, unit = _units(data, kept, codes, names, written, told, units)
    return _part(data, kept & ~np.isnan(factor), names, days, results, factor, unit)


def _part(
    data: Dataset,
    kept: Bools,
    names: list[str],
    days: Floats,
    results: Readings,
    factor: Floats,
    unit: list[str],
) -> pd.DataFrame:
    at = [int(i) for i in np.flatnonzero(kept)]
    subjects, specimens = data.subjects, data.texts(*_SPECIMENS)
    columns: dict[str, list[object]] = {
        "subject": [subjects[i] for i in at],
        "time": [days[i] for i in at],
        "analyte": [names[i] for i in at],
        "unit": [unit[i] for i in at],
        "cens": [results.cens[i] for i in at],
        "specimen": [specimens[i].lower() for i in at],
    }
    for name in ("value", "lloq", "uloq", "lod"):
        scaled = getattr(results, name) * factor
        columns[name] = [scaled[i] for i in at]
    return part_of("samples", data, at, columns)


def _observations(data: Dataset) -> Bools:
    """Records that are samples; what a NONMEM code leaves out is counted."""
    rows = ~dose_records(data)
    evid, mdv = data.numbers("EVID"), data.numbers("MDV")
    other = np.flatnonzero(rows & (evid != 0) & ~np.isnan(evid) & (evid != 2))
    for i in other:
        data.say(
            "evid-not-supported",
            int(i),
            "EVID",
            came=f"EVID {evid[i]:g}",
            wanted="0 (sample), 1 (dose) or 2 (left out)",
            cure="Resets and steady states have no place here; take the record out.",
        )
    flags = [text.upper() in {"Y", "YES", "1"} for text in data.texts("BLQFL", "BLQFN")]
    below = mask(flags) | (data.numbers("AVAL", "DV") <= 0)
    ignored = (mdv == 1) & ~np.isnan(data.numbers("AVAL", "DV")) & ~below
    for left_out, why in ((rows & (evid == 2), "EVID 2"), (rows & ignored, "MDV 1")):
        if left_out.any():
            data.say(
                "rows-left-out",
                came=f"{counted(int(left_out.sum()), 'record')} with {why}",
                cure="That says to leave them out.",
            )
            rows &= ~left_out
    return rows & ~np.isin(np.arange(len(data)), other)


def _left_out_by_option(
    data: Dataset, rows: Bools, codes: list[str], told: dict[str, AnalyteOptions]
) -> Bools:
    out = rows & mask([not told[code].read for code in codes])
    if out.any():
        count = Counter(codes[i] for i in np.flatnonzero(out))
        data.say(
            "rows-left-out",
            came=f"{counted(int(out.sum()), 'record')} of {listed(count)}",
            cure=f"{OPTIONS_TOML} says to leave them out.",
        )
    return rows & ~out


def _in_two(data: Dataset, rows: Bools, names: list[str], elsewhere: Collection[str]) -> Bools:
    again = rows & mask([name in elsewhere for name in names])
    if again.any():
        count = Counter(names[i] for i in np.flatnonzero(again))
        data.say(
            "in-two-datasets",
            column="PARAMCD",
            came=f"{counted(int(again.sum()), 'record')} of {listed(count)}, which ADPC has too",
            cure="Read from ADPC alone, so that no sample is counted twice.",
        )
    return rows & ~again


def _readable(
    data: Dataset,
    kept: Bools,
    codes: list[str],
    written: list[str],
    results: Readings,
    options: CdiscOptions,
) -> Bools:
    """Leave out laboratory tests that are no quantity here, unless they are asked for."""
    if data.name != "ADLB":
        return kept
    out = np.zeros(len(data), dtype=bool)
    by_code: dict[str, list[int]] = {}
    for i in np.flatnonzero(kept):
        by_code.setdefault(codes[i], []).append(int(i))
    for code, at in by_code.items():
        if code in options.analytes:
            continue
        strange = {written[i] for i in at if written[i] and not is_unit(written[i])}
        words = all(np.isnan(results.value[i]) and results.cens[i] == 0 for i in at)
        if strange or words:
            why = f"in {listed(map(shown, sorted(strange)))}" if strange else "without a number"
            data.say(
                "lab-not-read",
                at[0],
                "AVALU" if strange else "AVAL",
                came=f"{counted(len(at), 'record')} of {code} {why}",
                wanted="numbers in a unit",
                cure=f"Left out; analytes.{code} in {OPTIONS_TOML} gives it a unit.",
            )
            out[at] = True
    return kept & ~out


def _units(
    data: Dataset,
    kept: Bools,
    codes: list[str],
    names: list[str],
    written: list[str],
    told: dict[str, AnalyteOptions],
    units: dict[str, str],
) -> tuple[Floats, list[str]]:
    """Factor and unit of every record; an analyte has one unit in all data sets."""
    factor = np.full(len(data), np.nan)
    unit = [""] * len(data)
    for name in dict.fromkeys(names[i] for i in np.flatnonzero(kept)):
        rows = kept & mask([n == name for n in names])
        code = codes[int(np.flatnonzero(rows)[0])]
        asked = told[code].unit or units.get(name)
        factors, target = factors_to(data, rows, written, name, asked)
        factor = np.where(rows, factors, factor)
        if target:
            units.setdefault(name, target)
        for i in np.flatnonzero(rows):
            unit[i] = target
    return factor, unit
