"""ADTTE, ADSL and ADRS to ``events``: what happened to whom, each event once.

ADTTE is an answer, and is kept as one (``Study.reported``); it also says what the events were. A
death or a progression appears there under several parameters (OS, EFS, DOR): it is one event. Of
several sources the first that has it is used: ADSL before ADTTE for a death, ADTTE before ADRS for
a progression; where they give different days the check says so.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cellkinetics.study.cdisc.dataset import Dataset
from cellkinetics.study.cdisc.days import Calendar
from cellkinetics.study.cdisc.parts import part_of
from cellkinetics.study.findings import counted, listed

_DEATHS = ("DTHDT", "DTHDTM", "DTHDTC")
_LAST_ALIVE = ("LSTALVDT", "LSTALVDTC")

# Names of one and the same event, the most exact first.
_ONE_OF = ("relapse", "progression", "treatment_failure")
_CONTACTS = ("last_contact", "withdrawal")
ENDS = ("death", *_CONTACTS)  # what ends the follow-up


class Seen(NamedTuple):
    """An event that a record tells of, on a day since the infusion."""

    subject: str
    day: float
    event: str
    data: Dataset
    record: int


def adsl_events(adsl: Dataset, calendar: Calendar) -> list[Seen]:
    """Find deaths and last contacts in ADSL.

    Parameters
    ----------
    adsl : Dataset
    calendar : Calendar

    Returns
    -------
    list of Seen
    """
    out: list[Seen] = []
    death = calendar.study_days(adsl, ("DTHDY",), _DEATHS)
    alive = calendar.study_days(adsl, ("LSTALVDY",), _LAST_ALIVE)
    flags = [text.upper() in {"Y", "YES"} for text in adsl.texts("DTHFL")]
    for i, subject in enumerate(adsl.subjects):
        if not np.isnan(death[i]):
            out.append(Seen(subject, float(death[i]), "death", adsl, i))
        elif flags[i]:
            adsl.say(
                "event-not-placed",
                i,
                "DTHFL",
                came="a death without a day",
                wanted="DTHDT, a whole date",
                cure="It is no event here, unless ADTTE has its day.",
            )
        if not np.isnan(alive[i]):
            out.append(Seen(subject, float(alive[i]), "last_contact", adsl, i))
    return out


def resolve(seen: Iterable[Seen]) -> list[Seen]:
    """Keep each event once.

    Parameters
    ----------
    seen : iterable of Seen       all that the records tell of

    Returns
    -------
    list of Seen                  for each subject in the order of days
    """
    by_subject: dict[str, list[Seen]] = {}
    for one in seen:
        by_subject.setdefault(one.subject, []).append(one)
    out: list[Seen] = []
    for some in by_subject.values():
        mine = [*_deaths(some), *_of_disease(some), *_others(some)]
        if not any(one.event == "death" for one in mine):
            mine += _end(some)
        out += sorted(mine, key=lambda one: one.day)
    return out


def _rank(one: Seen, order: Sequence[str]) -> int:
    return order.index(one.data.name) if one.data.name in order else len(order)


def _deaths(some: list[Seen]) -> list[Seen]:
    order = ("ADSL", "ADTTE", "ADRS")
    found = sorted((s for s in some if s.event == "death"), key=lambda s: _rank(s, order))
    if found:
        _differ(found[0], [s for s in found[1:] if abs(s.day - found[0].day) >= 0.5])
    return found[:1]


def _of_disease(some: list[Seen]) -> list[Seen]:
    """Progression, relapse and failure: those of ADTTE, or where it has none those of ADRS."""
    found = [s for s in some if s.event in _ONE_OF]
    told = [s for s in found if s.data.name == "ADTTE"]
    visits = sorted((s for s in found if s.data.name != "ADTTE"), key=lambda s: s.day)
    if told and visits and min(s.day for s in told) - visits[0].day >= 0.5:
        _differ(min(told, key=lambda s: s.day), visits[:1])
    days: dict[float, Seen] = {}
    for one in told or visits[:1]:
        before = days.get(one.day)
        if before is None or _ONE_OF.index(one.event) < _ONE_OF.index(before.event):
            days[one.day] = one
    return list(days.values())


def _others(some: list[Seen]) -> list[Seen]:
    """Transplants and other therapies, each kind and day once."""
    left = [s for s in some if s.event not in {*_ONE_OF, *ENDS}]
    return list({(s.event, s.day): s for s in reversed(left)}.values())


def _end(some: list[Seen]) -> list[Seen]:
    """End of follow-up: as ADTTE censors survival, else the last day known alive."""
    ends = [s for s in some if s.event in _CONTACTS]
    told = [s for s in ends if s.data.name == "ADTTE"]
    return [max(told or ends, key=lambda s: s.day)] if ends else []


def _differ(used: Seen, others: list[Seen]) -> None:
    for other in {(s.data.name, s.day): s for s in others}.values():
        other.data.say(
            "event-days-differ",
            other.record,
            came=f"{other.event.replace('_', ' ')} on day {other.day:g}",
            wanted=f"day {used.day:g}, as in {used.data.name}",
            cure=f"{used.data.name} is used; correct one of the two.",
        )


def event_parts(events: Iterable[Seen]) -> list[pd.DataFrame]:
    """Make the rows of ``events``, one part for each data set."""
    by_data: dict[int, list[Seen]] = {}
    for one in events:
        by_data.setdefault(one.data.number, []).append(one)
    return [
        part_of(
            "events",
            some[0].data,
            [s.record for s in some],
            {
                "subject": [s.subject for s in some],
                "time": [s.day for s in some],
                "event": [s.event for s in some],
            },
        )
        for some in by_data.values()
    ]


def say_unclear(data: Dataset, texts: dict[str, list[int]]) -> None:
    """Say which descriptions of events were not understood."""
    for text, records in texts.items():
        data.say(
            "event-unclear",
            records[0],
            "EVNTDESC",
            came=f"{text!r} in {counted(len(records), 'record')}",
            wanted=f"words for one of {listed((*_ONE_OF, 'death'))}",
            cure="The time is kept as an answer, but is no event; time_to_event.events in "
            "cdisc.toml says what the text means.",
        )
