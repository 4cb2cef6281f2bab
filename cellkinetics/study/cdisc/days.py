"""Days as CDISC counts them to days since the infusion.

A study day (ADY, ASTDY) counts the first treatment as day 1, and there is no day 0; elapsed times
(AFRLT) count from the first dose and begin at 0. Everything becomes days since the infusion of the
cells, which need not be the first treatment: where ADSL's treatment starts with lymphodepletion,
the infusion is study day 6 and all study days are shifted by it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cellkinetics.errors import UnitError
from cellkinetics.study.cdisc.dataset import Bools, Dataset, Floats, mask
from cellkinetics.study.cdisc.options import OPTIONS_TOML, CdiscOptions
from cellkinetics.study.findings import counted, shown
from cellkinetics.units import convert

_UNIT_NAMES = ("AFRLTU", "FRLTU", "NFRLTU", "RRLTU", "TIMEU")
_FULL_WORDS = {"HOURS": "hour", "HOUR": "hour", "HRS": "hour", "HR": "hour", "H": "hour",
               "DAYS": "day", "DAY": "day", "D": "day", "MINUTES": "minute", "MIN": "minute",
               "WEEKS": "week", "WEEK": "week", "MONTHS": "month", "MONTH": "month",
               "YEARS": "year", "YEAR": "year", "SECONDS": "second", "SEC": "second"}  # fmt: skip

# Visits and time points by name: "Day 7", "DAY 14 POST-DOSE".
_VISITS = ("ATPT", "AVISIT", "VISIT")
_DAY = re.compile(r"\bday\s*([0-9]+)", re.IGNORECASE)

# How far hours over days may be from 24 (or days over days from 1) and still be that: a sample of
# day 1 is hours off its whole day.
_LOOSE = 1.5


@dataclass(frozen=True)
class Calendar:
    """What turns study days and dates into days since the infusion.

    ``start`` is the date (ordinal) of each subject's study day 1, ``shift`` the days from there to
    the infusion.
    """

    options: CdiscOptions
    start: Mapping[str, float]
    shift: Mapping[str, float]

    def study_days(
        self, data: Dataset, days: Sequence[str], dates: Sequence[str], *, say: bool = True
    ) -> Floats:
        """Days since the infusion from study days, else from dates.

        Parameters
        ----------
        data : Dataset
        days, dates : sequence of str   variables, the best first

        Returns
        -------
        array (record,), day            NaN where nothing says it
        """
        first = self.options.first_day(data.name)
        out = np.full(len(data), np.nan)
        for name in days:
            counted_from_first = _from_first_day(data, name, first, say=say)
            out = np.where(np.isnan(out), counted_from_first, out)
        start = np.asarray([self.start.get(s, np.nan) for s in data.subjects], dtype=np.float64)
        for name in dates:
            from_date = data.dates(name) - start
            if say:
                self._compare(data, days, name, out, from_date, first)
            out = np.where(np.isnan(out), from_date, out)
        shift = np.asarray([self.shift.get(s, 0.0) for s in data.subjects], dtype=np.float64)
        return out - shift

    def _compare(
        self,
        data: Dataset,
        days: Sequence[str],
        date: str,
        by_day: Floats,
        by_date: Floats,
        first: int,
    ) -> None:
        """Say where a study day and its date disagree: that is how another day 0 shows."""
        off = np.flatnonzero(np.abs(by_day - by_date) > 0.5)
        if not len(off):
            return
        i = int(off[0])
        other = by_date - by_day == 2 * first - 1
        all_by_one = bool(np.all(other[off] | (by_day[off] < 0))) and bool(other.any())
        cure = (
            f"If days count from {1 - first}, write day_of_infusion.{data.name} = {1 - first} in "
            f"{OPTIONS_TOML}; the day is used."
            if all_by_one
            else f"Correct one of them; {days[0]} is used."
        )
        data.say(
            "day-contradicts-date",
            i,
            days[0],
            came=f"{counted(len(off), 'record')} such as {days[0]} "
            f"{data.texts(*days)[i]} with {date} {data.texts(date)[i]}, "
            f"{by_date[i]:g} days after the start of treatment",
            wanted=f"the study day of that date (the first is day {first})",
            cure=cure,
        )


def _from_first_day(data: Dataset, name: str, first: int, *, say: bool) -> Floats:
    days = data.numbers(name)
    if first == 0:
        return days
    zero = np.flatnonzero(days == 0)
    if len(zero) and say:
        data.say(
            "day-zero",
            int(zero[0]),
            name,
            came=f"{counted(len(zero), 'record')} on study day 0",
            wanted="study days without a 0: day -1 is followed by day 1, the first treatment",
            cure=f"If days count from 0 here, write day_of_infusion.{data.name} = 0 in "
            f"{OPTIONS_TOML}.",
        )
    return np.where(days >= 1, days - 1, np.where(days == 0, np.nan, days))


def elapsed_days(data: Dataset, calendar: Calendar, wanted: Bools) -> Floats:
    """Days since the infusion of samples: elapsed time first, then study days, then nominal time.

    Parameters
    ----------
    data : Dataset                ADPC or ADPPK
    calendar : Calendar
    wanted : array (record,) of bool   the records that need one

    Returns
    -------
    array (record,), day          NaN where nothing says it, with a finding
    """
    by_day = calendar.study_days(data, ("ADY",), ("ADT", "ADTM"), say=bool(wanted.any()))
    actual, nominal = data.numbers("AFRLT"), data.numbers("NFRLT")
    out = by_day
    for name, times in (("AFRLT", actual), ("NFRLT", nominal)):
        need = wanted & ~np.isnan(times) & (np.isnan(out) if name == "NFRLT" else True)
        if not need.any():
            continue
        if name == "NFRLT":
            i = int(np.flatnonzero(need)[0])
            data.say(
                "nominal-time-used",
                i,
                "NFRLT",
                came=f"{counted(int(need.sum()), 'record')} with a nominal time alone",
                wanted="an actual time (AFRLT or ADY)",
                cure="The nominal one is used.",
            )
        factors = _factors(data, times, by_day, need, name, calendar.options.time_unit)
        out = np.where(need & ~np.isnan(factors), times * factors, out)
        if name == "AFRLT":
            _contradiction(data, out, by_day, need)
    return out


def days_since_dose(data: Dataset, calendar: Calendar, rows: Bools) -> Floats:
    """AFRLT in days, where its unit is known; says nothing of it (the samples' reading does)."""
    times = data.numbers("AFRLT")
    by_day = calendar.study_days(data, ("ADY",), ("ADT", "ADTM"), say=False)
    said = len(data.found)
    factors = _factors(data, times, by_day, rows, "AFRLT", calendar.options.time_unit)
    del data.found[said:]
    return np.asarray(times * factors, dtype=np.float64)


def _factors(
    data: Dataset, times: Floats, by_day: Floats, need: Bools, name: str, option: str | None
) -> Floats:
    """Days in one unit of an elapsed time, record by record."""
    texts = data.texts(*_UNIT_NAMES)
    out = np.full(len(data), np.nan)
    written = sorted({texts[i] for i in np.flatnonzero(need)})
    for text in written:
        rows = need & mask([t == text for t in texts])
        unit = text or option or _guess_unit(data, times, by_day, rows, name)
        if unit is None and _without_unit(data):
            continue  # said of the doses; it is true of the samples too
        if unit is None:
            i = int(np.flatnonzero(rows)[0])
            data.say(
                "time-unit-missing",
                i,
                name,
                came=f"{counted(int(rows.sum()), 'time')} in {name} without a unit",
                wanted="AFRLTU (or FRLTU), hours or days",
                cure=f'Add the variable, or write time_unit = "hour" in {OPTIONS_TOML}.',
            )
            continue
        try:
            out[rows] = convert(1.0, time_unit(unit), "day")
        except UnitError as error:
            i = int(np.flatnonzero(rows)[0])
            data.say(
                "time-unit-missing",
                i,
                next((n for n in _UNIT_NAMES if data.texts(n)[i]), "AFRLTU"),
                came=shown(unit),
                wanted="a unit of time, such as hours or days",
                cure=str(error)[0].upper() + str(error)[1:],
            )
    return out


def _without_unit(data: Dataset) -> bool:
    """Whether it was said that the elapsed times of a data set have no unit."""
    return any(found.code == "time-unit-missing" for found in data.found)


def _guess_unit(data: Dataset, times: Floats, by_day: Floats, rows: Bools, name: str) -> str | None:
    """Tell hours from days by the study days, or the names of the visits, of the same records.

    Returns
    -------
    str or None                   None if that is not certain
    """
    visits = [_DAY.search(text) for text in data.texts(*_VISITS)]
    planned = np.asarray([float(m[1]) if m else np.nan for m in visits], dtype=np.float64)
    by_day = np.where(np.isnan(by_day), planned, by_day)
    sure = rows & (by_day >= 2) & (times > 0)
    if not sure.any():
        return None
    ratio = float(np.median(times[sure] / by_day[sure]))
    for unit, size in (("day", 1.0), ("hour", 24.0)):
        if size / _LOOSE <= ratio <= size * _LOOSE:
            data.say(
                "time-unit-inferred",
                int(np.flatnonzero(sure)[0]),
                name,
                came=f"{name} without a unit; on {counted(int(sure.sum()), 'record')} it is "
                f"{ratio:.3g} times the study day",
                cure=f"It is read in {unit}s; time_unit in {OPTIONS_TOML} says otherwise.",
            )
            return unit
    return None


def _contradiction(data: Dataset, elapsed: Floats, by_day: Floats, need: Bools) -> None:
    """Say where the elapsed time and the study day are more than a day and a half apart."""
    off = np.flatnonzero(need & (np.abs(elapsed - by_day) > 1.5))
    if len(off):
        i = int(off[0])
        data.say(
            "time-unit-contradicted",
            i,
            "AFRLT",
            came=f"{counted(len(off), 'record')} such as AFRLT {data.texts('AFRLT')[i]}, "
            f"{elapsed[i]:.4g} days after the dose, on study day {data.texts('ADY')[i] or '?'}",
            wanted="times that agree to a day",
            cure="Check the unit of AFRLT and the day of infusion; AFRLT is used.",
        )


def time_unit(text: str) -> str:
    """Spell a unit of time as units.py knows it."""
    return _FULL_WORDS.get(text.strip().upper().rstrip("."), text)


def without_day(data: Dataset, days: Floats, wanted: Bools, columns: Sequence[str]) -> Bools:
    """Say of each record that has no day that it is left out.

    Returns
    -------
    array (record,) of bool       the wanted records that have a day
    """
    untold = wanted & np.isnan(days)
    if _without_unit(data):  # a time without its unit is one mistake, not one a record
        clocks = [name for name in ("AFRLT", "NFRLT") if name in columns]
        untold &= mask([not text for text in data.texts(*clocks)])
    for i in np.flatnonzero(untold):
        term = next(filter(None, (data.texts(n)[i] for n in ("PARAMCD", "AEDECOD", "EXTRT"))), "")
        data.say(
            "day-missing",
            int(i),
            columns[0],
            came=f"no day{f' for {shown(term)}' if term else ''} (none of {', '.join(columns)})",
            wanted="a study day, an elapsed time or a date",
            cure="The record is left out; complete it to have it counted.",
        )
    return wanted & ~np.isnan(days)
