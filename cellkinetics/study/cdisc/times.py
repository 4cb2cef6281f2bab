"""ADTTE: the study's own times to events, as answers and as a source of events.

``CNSR`` 0 is an event, 1 and above are reasons for censoring. AVAL counts the day of origin as 1
(``ADT - STARTDT + 1``), so that a death on the day of infusion has AVAL 1 and time 0 here.
"""

import re

import numpy as np
import pandas as pd

from cellkinetics.errors import UnitError
from cellkinetics.study.cdisc.dataset import Bools, Dataset, Floats, mask
from cellkinetics.study.cdisc.days import Calendar, time_unit
from cellkinetics.study.cdisc.derived import originals
from cellkinetics.study.cdisc.events import Seen, say_unclear
from cellkinetics.study.cdisc.options import OPTIONS_TOML
from cellkinetics.study.cdisc.units import unit_texts
from cellkinetics.study.findings import counted, shown
from cellkinetics.units import convert

REPORTED = ("subject", "endpoint", "title", "time", "event", "what", "reason", "day", "line")

_DEATH = re.compile(r"\b(death|died|dead|deceased|fatal)\b", re.IGNORECASE)
_DISEASE = (
    ("relapse", re.compile(r"relaps|recurr", re.IGNORECASE)),
    ("progression", re.compile(r"progress|\bPD\b", re.IGNORECASE)),
    (
        "treatment_failure",
        re.compile(r"treatment failure|induction failure|refractory|primary failure", re.I),
    ),
)
_THERAPY = (
    ("transplant", re.compile(r"transplant|\b(allo|auto)?-?hsct\b|\b(allo|auto)?-?sct\b", re.I)),
    (
        "other_therapy",
        re.compile(
            r"(new|other|subsequent|another|alternative|additional)\b.*\b(therapy|treatment)", re.I
        ),
    ),
)
# "Last assessment before new therapy" dates the assessment, not the therapy.
_EARLIER = re.compile(r"\b(last|prior|before|without|no|until)\b", re.IGNORECASE)
_WITHDRAWN = re.compile(r"withdr[ae]w", re.IGNORECASE)


def read_times(data: Dataset, calendar: Calendar) -> tuple[pd.DataFrame, list[Seen]]:
    """Read ADTTE.

    Parameters
    ----------
    data : Dataset
    calendar : Calendar

    Returns
    -------
    DataFrame                     ``REPORTED``: a row a subject and endpoint; time (day) from the
                                  endpoint's own origin, ``event``, what it was (EVNTDESC), the
                                  reason for censoring (CNSDTDSC), day since the infusion (NaN where
                                  it is not known)
    list of Seen                  the events in it
    """
    rows = originals(data, calendar.options, _with_cnsr(data)).kept
    time = _times(data, calendar, rows)
    rows &= ~np.isnan(time)
    day = _days(data, calendar, time, rows)
    at = [int(i) for i in np.flatnonzero(rows)]
    codes, titles = data.texts("PARAMCD"), data.texts("PARAM")
    what, reason = data.texts("EVNTDESC"), data.texts("CNSDTDSC")
    event = data.numbers("CNSR") == 0
    frame = pd.DataFrame(
        {
            "subject": [data.subjects[i] for i in at],
            "endpoint": [codes[i] for i in at],
            "title": [titles[i] or codes[i] for i in at],
            "time": time[at],
            "event": event[at],
            "what": [what[i] or None for i in at],
            "reason": [reason[i] or None for i in at],
            "day": day[at],
            "line": [data.lines[i] for i in at],
        },
        columns=list(REPORTED),
    )
    return frame, _events(data, calendar, at, day)


def _with_cnsr(data: Dataset) -> Bools:
    """Records that say whether they are censored; an empty or odd CNSR is an error."""
    cnsr = data.numbers("CNSR")
    odd = ~((cnsr >= 0) & (cnsr == np.floor(cnsr)))
    texts = data.texts("CNSR")
    for i in map(int, np.flatnonzero(odd)):
        if not texts[i] or not np.isnan(cnsr[i]):
            data.say(
                "not-allowed" if texts[i] else "missing-value",
                i,
                "CNSR",
                came=shown(texts[i]) if texts[i] else "an empty cell",
                wanted="0 (an event) or a whole number from 1 on (censored)",
                cure="Correct it; the record is not used.",
            )
    kept: Bools = ~odd
    return kept


def _times(data: Dataset, calendar: Calendar, rows: Bools) -> Floats:
    """Days from the endpoint's origin, day 0."""
    first = calendar.options.first_day(data.name)
    aval = data.numbers("AVAL")
    factor = np.full(len(data), np.nan)
    fallback = calendar.options.time_to_event.unit or "day"
    written = [time_unit(unit) for unit in unit_texts(data)]
    for unit in dict.fromkeys(written):
        here = rows & mask([w == unit for w in written])
        try:
            factor[here] = convert(1.0, unit or fallback, "day")
        except UnitError:
            if unit in data.texts("AVALU") and here.any():
                i = int(np.flatnonzero(here)[0])
                data.say(
                    "unit-refused",
                    i,
                    "AVALU",
                    came=f"{shown(unit)} in {counted(int(here.sum()), 'record')}",
                    wanted="a unit of time, such as DAYS or MONTHS",
                    cure="Correct it.",
                )
            else:  # brackets in PARAM that are no unit: "EFS (registered)"
                factor[here] = convert(1.0, fallback, "day")
    time = aval * factor - first
    time = np.where(np.abs(time) < 1e-9, 0.0, time)  # 1/30.4375 of a month, and back
    for i in map(int, np.flatnonzero(rows & np.isnan(aval))):
        if not data.texts("AVAL")[i]:
            data.say(
                "missing-value",
                i,
                "AVAL",
                came="an empty cell",
                wanted="the time from origin to event or censoring",
                cure="Fill it in, or take the record out.",
            )
    for i in map(int, np.flatnonzero(rows & (time < 0))):
        data.say(
            "time-before-start",
            i,
            "AVAL",
            came=f"{data.texts('AVAL')[i]}, before its own origin",
            wanted=f"at least {first}, the day of origin",
            cure=f"If the day of origin is 0 here, write day_of_infusion.ADTTE = 0 in "
            f"{OPTIONS_TOML}."
            if first
            else "Correct it.",
        )
    _compare_dates(data, time, rows, first)
    return np.where(time < 0, np.nan, time)


def _compare_dates(data: Dataset, time: Floats, rows: Bools, first: int) -> None:
    """Say where AVAL and its own two dates disagree: that is how another day 0 shows."""
    if not data.has("ADT") or not data.has("STARTDT"):
        return
    apart = data.dates("ADT") - data.dates("STARTDT")
    off = np.flatnonzero(rows & (np.abs(time - apart) > 0.6))
    if len(off):
        i = int(off[0])
        by_one = bool(np.all(np.abs(apart[off] - time[off] - (2 * first - 1)) < 0.6))
        data.say(
            "day-contradicts-date",
            i,
            "AVAL",
            came=f"{counted(len(off), 'record')} such as AVAL {data.texts('AVAL')[i]} for "
            f"{apart[i]:g} days from STARTDT to ADT",
            wanted=f"ADT - STARTDT + {first}",
            cure=f"AVAL seems to count from {1 - first}: write day_of_infusion.ADTTE = "
            f"{1 - first} in {OPTIONS_TOML}."
            if by_one
            else "Correct one of them; AVAL is used for the answer, ADT for the event.",
        )


def _days(data: Dataset, calendar: Calendar, time: Floats, rows: Bools) -> Floats:
    """Days since the infusion: by ADY or ADT, else AVAL where it counts from the infusion."""
    day = calendar.study_days(data, ("ADY",), ("ADT",))
    starts = data.dates("STARTDT")
    infused = [calendar.start.get(s, np.nan) + calendar.shift.get(s, 0.0) for s in data.subjects]
    from_infusion = mask(
        [
            starts[i] == infused[i]
            if not np.isnan(starts[i])
            else code.upper() in calendar.options.time_to_event.from_infusion
            for i, code in enumerate(data.texts("PARAMCD"))
        ]
    )
    return np.where(np.isnan(day) & rows & from_infusion, time, day)


def _events(data: Dataset, calendar: Calendar, at: list[int], day: Floats) -> list[Seen]:
    out: list[Seen] = []
    unclear: dict[str, list[int]] = {}
    lost: list[int] = []
    survival = calendar.options.time_to_event.survival
    codes, cnsr = data.texts("PARAMCD"), data.numbers("CNSR")
    what, why = data.texts("EVNTDESC"), data.texts("CNSDTDSC")
    meant = calendar.options.time_to_event.events
    for i in at:
        of_survival = codes[i].upper() in survival
        told = meant.get(what[i].upper()) or meant.get(why[i].upper())
        if cnsr[i] == 0:
            event = told or _event(what[i]) or ("death" if of_survival else None)
            if event is None:
                unclear.setdefault(what[i] or codes[i], []).append(i)
        else:
            event = told or _censored_by(f"{what[i]} {why[i]}", of_survival)
        if event is None or event == "none":
            continue
        if np.isnan(day[i]):
            lost.append(i)
        else:
            out.append(Seen(data.subjects[i], float(day[i]), event, data, i))
    # An event without a day is only worth a word if no other record has it.
    placed = {(s.subject, s.event) for s in out}
    unplaced = [i for i in lost if (data.subjects[i], _event(what[i])) not in placed]
    if unplaced:
        data.say(
            "event-not-placed",
            unplaced[0],
            "ADY",
            came=f"{counted(len(unplaced), 'event')} of {codes[unplaced[0]]} without ADY or ADT",
            wanted="the day of the event, because AVAL counts from another origin",
            cure="The time is kept as an answer, but is no event here.",
        )
    say_unclear(data, unclear)
    return out


def _event(text: str) -> str | None:
    """Say what an event was; None where the text names none, or several."""
    disease = [event for event, words in _DISEASE if words.search(text)]
    if _DEATH.match(text) or (_DEATH.search(text) and not disease):
        return "death" if " or " not in text.lower() or not disease else None
    if _DEATH.search(text):
        return None
    if disease:
        return disease[0] if " or " not in text.lower() or len(disease) == 1 else None
    return next((event for event, words in _THERAPY if words.search(text)), None)


def _censored_by(text: str, of_survival: bool) -> str | None:
    """Say what a censored record tells of: a therapy on that day, or the end of follow-up."""
    if of_survival:
        return "withdrawal" if _WITHDRAWN.search(text) else "last_contact"
    if _EARLIER.search(text):
        return None
    return next((event for event, words in _THERAPY if words.search(text)), None)
