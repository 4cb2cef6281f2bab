"""On which study day each subject was infused, where no EX says it."""

from collections.abc import Mapping

import numpy as np

from cellkinetics.study.cdisc.dataset import Dataset, mask
from cellkinetics.study.cdisc.days import Calendar, days_since_dose
from cellkinetics.study.cdisc.files import Folder
from cellkinetics.study.cdisc.samples import dose_records
from cellkinetics.study.findings import counted

_PK = ("ADPPK", "ADPC")
_ON_STUDY_DAYS = {
    "ADLB": ("ADY", "ADT"),
    "ADRS": ("ADY", "ADT"),
    "ADAE": ("ASTDY", "ASTDT"),
    "ADCM": ("ASTDY", "ASTDT", "CMSTDY", "CMSTDTC"),
}


def days_of_pk(folder: Folder, calendar: Calendar, known: Mapping[str, float]) -> dict[str, float]:
    """Day of the infusion, counted from study day 1 as 0, of subjects that EX does not have.

    It is the study day or date of the dose record; else what study day and elapsed time of the same
    samples differ by: days are whole, so the middle of those differences is rounded.

    Parameters
    ----------
    folder : Folder
    calendar : Calendar           without shifts
    known : mapping               subject -> day, from EX

    Returns
    -------
    dict                          subject -> day; a dosed subject without one is a finding where
                                  other data sets count study days
    """
    out: dict[str, float] = {}
    dosed: dict[str, tuple[Dataset, int]] = {}
    for name in _PK:
        for one in folder.of(name):
            doses = dose_records(one)
            by_day = calendar.study_days(one, ("ADY",), ("ADT", "ADTM"), say=False)
            for i in np.flatnonzero(doses):
                subject = one.subjects[i]
                if subject in known:
                    continue
                dosed.setdefault(subject, (one, int(i)))
                if not np.isnan(by_day[i]):
                    out[subject] = min(float(by_day[i]), out.get(subject, np.inf))
    for name in _PK:
        for one in folder.of(name):
            for subject, day in _by_samples(one, calendar).items():
                if subject in dosed:
                    out.setdefault(subject, day)
    _unknown(folder, {s: place for s, place in dosed.items() if s not in out})
    return out


def _by_samples(data: Dataset, calendar: Calendar) -> dict[str, float]:
    """Study day less elapsed time, of samples that have both."""
    by_day = calendar.study_days(data, ("ADY",), ("ADT", "ADTM"), say=False)
    both = ~dose_records(data) & ~np.isnan(by_day) & ~np.isnan(data.numbers("AFRLT"))
    if not both.any():
        return {}
    apart = by_day - days_since_dose(data, calendar, both)
    differences: dict[str, list[float]] = {}
    for i in np.flatnonzero(both & ~np.isnan(apart)):
        differences.setdefault(data.subjects[i], []).append(float(apart[i]))
    return {subject: float(np.round(np.median(d))) for subject, d in differences.items()}


def _unknown(folder: Folder, lost: Mapping[str, tuple[Dataset, int]]) -> None:
    """Warn of subjects whose study days cannot be placed, in the data sets that use them."""
    for name, variables in _ON_STUDY_DAYS.items():
        for one in folder.of(name):
            days = mask([bool(text) for text in one.texts(*variables)])
            here = {one.subjects[i] for i in np.flatnonzero(days)} & set(lost)
            if not here:
                continue
            dose, record = lost[next(s for s in lost if s in here)]
            column = next(v for v in variables if one.has(v))
            dose.say(
                "infusion-day-unknown",
                record,
                "ADY",
                came=f"a dose without a study day or date, in {counted(len(here), 'subject')} "
                f"whose days in {one.file} are counted by {column}",
                wanted="the study day of the infusion (ADY in the dose record, or EX)",
                cure="It is taken as study day 1; if treatment began earlier, those days are off.",
            )
