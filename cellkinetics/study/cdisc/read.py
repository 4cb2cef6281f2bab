"""A folder of CDISC data sets to the tables of a study."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellkinetics.study.cdisc.dataset import Bools, Dataset
from cellkinetics.study.cdisc.days import Calendar
from cellkinetics.study.cdisc.doses import (
    EX_DATES,
    cell_doses,
    doses_of_pk,
    first_infusion_days,
    read_infusions,
    read_treatments,
)
from cellkinetics.study.cdisc.events import ENDS, Seen, adsl_events, event_parts, resolve
from cellkinetics.study.cdisc.files import Folder, read_folder
from cellkinetics.study.cdisc.infused import days_of_pk
from cellkinetics.study.cdisc.options import CdiscOptions, read_options
from cellkinetics.study.cdisc.parts import joined
from cellkinetics.study.cdisc.people import read_subjects, start_dates, study_name
from cellkinetics.study.cdisc.responses import (
    Visits,
    assessment_rows,
    read_columns,
    read_responses,
)
from cellkinetics.study.cdisc.samples import read_samples
from cellkinetics.study.cdisc.times import REPORTED, read_times
from cellkinetics.study.cdisc.toxicity import read_toxicities
from cellkinetics.study.convert import empty_frame
from cellkinetics.study.findings import Finding, counted
from cellkinetics.study.settings import FILE, StudySettings, read_settings
from cellkinetics.study.tables import BY_NAME, TABLES

# Tables -> data sets that they are made from.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "subjects": ("ADSL",),
    "infusions": ("EX", "ADPPK", "ADPC"),
    "samples": ("ADPC", "ADPPK", "ADLB"),
    "assessments": ("ADRS", "ADLB"),
    "events": ("ADTTE", "ADSL", "ADRS"),
    "toxicities": ("ADAE",),
    "vitals": (),
    "treatments": ("EX", "ADCM"),
}


@dataclass(frozen=True)
class CdiscStudy:
    """What a folder of data sets says: tables, settings, and the times to events in ADTTE."""

    folder: Folder
    tables: dict[str, pd.DataFrame]
    reported: pd.DataFrame
    settings: StudySettings
    findings: list[Finding]
    unread: frozenset[str]


# A number too large for its unit becomes infinite, and a finding when its row is read.
@np.errstate(over="ignore", invalid="ignore")
def read_cdisc(path: Path) -> CdiscStudy:
    """Read a folder of CDISC data sets.

    Parameters
    ----------
    path : Path                   a folder with ADSL and others, and perhaps a cdisc.toml (what the
                                  data sets do not say) and a study.toml (the study's conventions)

    Returns
    -------
    CdiscStudy                    ``line`` in its tables carries the number of the file
    """
    options, found = read_options(path)
    folder = read_folder(path, options)
    tables = {table.name: empty_frame(table) for table in TABLES}
    reported = pd.DataFrame(columns=list(REPORTED))
    settings, problems = _settings(path, folder)
    found += problems
    calendar = _calendar(folder, options)
    people = folder.of("ADSL")
    if people:
        tables["subjects"] = joined(
            BY_NAME["subjects"], [read_subjects(one, calendar) for one in people]
        )
    dose_unit = _read_doses(folder, calendar, tables, settings.dose_unit)
    units = dict(settings.units)
    tables["samples"] = _read_samples(folder, calendar, units)
    seen = [event for one in people for event in adsl_events(one, calendar)]
    visits = Visits()
    for one in folder.of("ADRS"):
        seen += read_responses(one, calendar, visits)
    for one in folder.of("ADLB"):
        read_columns(one, calendar, visits, assessment_rows(one, calendar))
    tables["assessments"] = visits.frame(found)
    reported, more = _read_times(folder, calendar)
    events = joined(BY_NAME["events"], event_parts(resolve(seen + more)))
    tables["events"] = _in_order(events, tables["subjects"])
    tables["toxicities"] = joined(
        BY_NAME["toxicities"], [read_toxicities(one, calendar) for one in folder.of("ADAE")]
    )
    return CdiscStudy(
        folder,
        tables,
        reported,
        settings.model_copy(update={"dose_unit": dose_unit}),
        found + folder.found,
        _unread(folder),
    )


def _settings(path: Path, folder: Folder) -> tuple[StudySettings, list[Finding]]:
    """Read study.toml where there is one; else the name comes from ADSL."""
    name = study_name(next(iter(folder.of("ADSL")), None), path.name)
    if (path / FILE).exists():
        settings, found = read_settings(path / FILE)
        return settings or StudySettings(name=name, simulated=False), found
    return StudySettings(name=name, simulated=False), []


def _calendar(folder: Folder, options: CdiscOptions) -> Calendar:
    """Find the day of each subject's infusion on the scale of the study days."""
    cells = {one.number: _cells(one, options) for one in folder.of("EX")}
    # Without ADSL's start of treatment, days count from the infusion itself.
    start: dict[str, float] = {}
    for one in folder.of("EX"):
        for name in EX_DATES:
            dates = one.dates(name)
            for i in np.flatnonzero(cells[one.number] & ~np.isnan(dates)):
                subject = one.subjects[i]
                start[subject] = min(float(dates[i]), start.get(subject, np.inf))
    for adsl in folder.of("ADSL"):
        start |= start_dates(adsl)
    plain = Calendar(options, start, {})
    shift: dict[str, float] = {}
    for one in folder.of("EX"):
        days = first_infusion_days(one, plain, cells[one.number])
        for subject, day in days.items():
            shift[subject] = min(day, shift.get(subject, np.inf))
    from_pk = days_of_pk(folder, plain, shift)
    _say_shifted(folder.of("EX"), "EXSTDY", shift)
    _say_shifted(folder.of("ADPPK") or folder.of("ADPC"), "ADY", from_pk)
    return Calendar(options, start, {s: day for s, day in (shift | from_pk).items() if day})


def _say_shifted(data: list[Dataset], column: str, days: dict[str, float]) -> None:
    shift = {subject: day for subject, day in days.items() if day}
    if shift:
        low, high = min(shift.values()), max(shift.values())
        data[0].say(
            "days-shifted",
            column=column,
            came=f"infusions of the cells on study day "
            f"{_study_day(low)}{f' to {_study_day(high)}' if high > low else ''} in "
            f"{counted(len(shift), 'subject')}",
            cure="Study days count from another treatment; every one of them is counted from the "
            "infusion here.",
        )


def _study_day(day: float) -> str:
    return f"{day + 1 if day >= 0 else day:g}"


def _cells(data: Dataset, options: CdiscOptions) -> Bools:
    said = len(data.found)
    rows = cell_doses(data, options)
    del data.found[said:]  # said again when the infusions are read
    return rows


def _read_doses(
    folder: Folder, calendar: Calendar, tables: dict[str, pd.DataFrame], dose_unit: str | None
) -> str | None:
    infusions: list[pd.DataFrame] = []
    treatments: list[pd.DataFrame] = []
    for one in folder.of("EX"):
        rows = cell_doses(one, calendar.options)
        part, dose_unit = read_infusions(one, calendar, rows, dose_unit)
        infusions.append(part)
        given = np.asarray([text.upper() != "N" for text in one.texts("EXOCCUR")], dtype=np.bool_)
        treatments.append(read_treatments(one, calendar, given & ~rows))
    for name in ("ADPPK", "ADPC"):
        for one in folder.of(name):
            known = joined(BY_NAME["infusions"], infusions)
            part, dose_unit = doses_of_pk(one, calendar, known, dose_unit)
            infusions.append(part)
    for one in folder.of("ADCM"):
        treatments.append(read_treatments(one, calendar, np.ones(len(one), dtype=np.bool_)))
    tables["infusions"] = joined(BY_NAME["infusions"], infusions)
    tables["treatments"] = joined(BY_NAME["treatments"], treatments)
    return dose_unit


def _read_samples(folder: Folder, calendar: Calendar, units: dict[str, str]) -> pd.DataFrame:
    parts: list[pd.DataFrame] = []
    columns = calendar.options.assessments.columns()
    for one in folder.of("ADPC"):
        parts.append(read_samples(one, calendar, units))
    known = set().union(*(part["analyte"] for part in parts))
    for one in folder.of("ADPPK"):
        parts.append(read_samples(one, calendar, units, elsewhere=known))
    for one in folder.of("ADLB"):
        parts.append(read_samples(one, calendar, units, not_here=columns))
    return joined(BY_NAME["samples"], parts)


def _read_times(folder: Folder, calendar: Calendar) -> tuple[pd.DataFrame, list[Seen]]:
    frames: list[pd.DataFrame] = []
    seen: list[Seen] = []
    for one in folder.of("ADTTE"):
        frame, events = read_times(one, calendar)
        frames.append(frame)
        seen += events
    filled = [frame for frame in frames if len(frame)]
    empty = pd.DataFrame(columns=list(REPORTED))
    return (pd.concat(filled, ignore_index=True) if filled else empty), seen


def _in_order(events: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Sort events as ADSL lists the subjects, each subject's by day, the end of follow-up last."""
    place = {subject: i for i, subject in reversed(list(enumerate(subjects["subject"])))}
    rank = events["subject"].map(place).fillna(len(place))
    last = events["event"].isin(ENDS)
    sorted_ = events.assign(rank=rank, last=last).sort_values(
        ["rank", "time", "last"], kind="stable"
    )
    return events.loc[sorted_.index].reset_index(drop=True)


def _unread(folder: Folder) -> frozenset[str]:
    """Name the tables that a broken file leaves empty."""
    lost = {t for t, names in SOURCES.items() if set(names) & folder.unread}
    return frozenset(lost)
