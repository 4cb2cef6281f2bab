"""Checks of every table alike: who, when, twice, in which order."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cellkinetics.study.findings import Finding, at_rows, counted, shown
from cellkinetics.study.study import Study
from cellkinetics.study.tables import TABLES, Table

_TIMES = ("time", "end", "data_cut")
_LONGEST = 50 * 365.25  # days; anything later is a date that was read as a number
_DATED = ("samples", "assessments", "events", "toxicities", "vitals", "treatments")


def check_rows(study: Study) -> Iterator[Finding]:
    """Check subjects, duplicates, order and times of every table."""
    for table in TABLES:
        frame = study.table(table.name)
        if len(frame):
            if table.name != "subjects":
                yield from _unknown_subjects(study, table, frame)
                yield from _unsorted(table, frame)
            yield from _twice(table, frame)
            yield from _times(table, frame)
    yield from _after_the_end(study)


def _unknown_subjects(study: Study, table: Table, frame: pd.DataFrame) -> Iterator[Finding]:
    if study.subjects.empty:
        return
    known = [s for s in study.subjects["subject"] if s]
    strange = frame["subject"].notna() & ~frame["subject"].isin(known)
    for subject, rows in frame[strange].groupby("subject", sort=False):
        alike = [k for k in known if loose(k) == loose(str(subject))]
        cure = f"Did you mean {shown(alike[0])}?" if alike else "Add the subject to subjects.csv."
        yield from at_rows(
            "unknown-subject",
            table.name,
            rows,
            np.ones(len(rows), dtype=bool),
            column="subject",
            came="{subject}, which is not in subjects.csv",
            wanted="an id of subjects.csv, written in the same way",
            cure=cure.replace("{", "{{").replace("}", "}}"),
        )


def loose(subject: str) -> str:
    """Reduce an id to what a slip leaves the same: no case, no leading zeros, no separators."""
    folded = "".join(c for c in subject.casefold() if c.isalnum())
    head = folded.rstrip("0123456789")
    return head + folded[len(head) :].lstrip("0")


def _twice(table: Table, frame: pd.DataFrame) -> Iterator[Finding]:
    """Find rows that are there twice; ids and readings have findings of their own."""
    if table.name == "subjects":
        return
    content = [name for name in frame.columns if name != "line"]
    same = frame.duplicated(content, keep="first") & frame["subject"].notna()
    yield from at_rows(
        "duplicate-row",
        table.name,
        frame.assign(first=first_line(frame, content)) if same.any() else frame,
        same,
        column=None,
        came="the same row as line {first}",
        wanted="every row once",
        cure="Delete one of the two.",
    )
    if table.name == "samples":
        return
    key = list(table.key)
    named = frame["subject"].notna() & frame["time"].notna()
    other = frame.duplicated(key, keep="first") & ~same & named
    yield from at_rows(
        "repeated-row",
        table.name,
        frame.assign(first=first_line(frame, key)) if other.any() else frame,
        other,
        column=None,
        came=f"the same {', '.join(key)} as line {{first}}, but other contents",
        wanted="one row for each",
        cure="Merge the two rows, or correct one.",
    )


def first_line(frame: pd.DataFrame, key: list[str]) -> pd.Series:
    """Find, for every row, the line of the first row with the same key."""
    return frame.groupby(key, dropna=False, sort=False)["line"].transform("min")


def _unsorted(table: Table, frame: pd.DataFrame) -> Iterator[Finding]:
    series = ["subject", "analyte"] if table.name == "samples" else ["subject"]
    step = frame.groupby(series, dropna=False, sort=False)["time"].diff()
    back = frame.assign(before=frame["time"] - step)[(step < 0).to_numpy()]
    yield from at_rows(
        "unsorted-rows",
        table.name,
        back,
        ~back.duplicated("subject", keep="first"),
        column="time",
        came="day {time:g} after day {before:g}",
        wanted="rows of one subject in the order of time",
        cure="Nothing depends on the order, but check that no time is mistyped.",
    )


def _times(table: Table, frame: pd.DataFrame) -> Iterator[Finding]:
    for name in _TIMES:
        if name not in table.names:
            continue
        days = frame[name].to_numpy(dtype=np.float64)
        yield from at_rows(
            "time-implausible",
            table.name,
            frame,
            np.abs(days) > _LONGEST,
            column=name,
            came=f"{{{name}:g}}",
            wanted="days since the first infusion",
            cure="It looks like a date stored as a number: subtract that of the first infusion.",
        )
        yield from at_rows(
            "time-like-a-year",
            table.name,
            frame,
            (days >= 1900) & (days <= 2100) & (days == np.floor(days)),
            column=name,
            came=f"{{{name}:g}}",
            wanted="days since the first infusion",
            cure="If it is a calendar year, correct it; a day so late is fine.",
        )
    if "end" in table.names:
        yield from at_rows(
            "end-before-start",
            table.name,
            frame,
            frame["end"] < frame["time"],
            column="end",
            came="day {end:g}, before its start on day {time:g}",
            wanted="an end on or after the start",
            cure="Correct one of the two.",
        )


def _after_the_end(study: Study) -> Iterator[Finding]:
    """Find rows after a subject's death, last contact or data cut-off."""
    events = study.events
    death = events[events["event"] == "death"].groupby("subject")["time"].min()
    contact = events[events["event"] == "last_contact"].groupby("subject")["time"].max()
    cut = study.subjects.dropna(subset=["subject"]).groupby("subject")["data_cut"].max()
    for name in _DATED:
        frame = study.table(name)
        if frame.empty:
            continue
        day = frame["time"].to_numpy(dtype=np.float64)
        died, last, cut_at = (
            frame["subject"].map(ends).to_numpy(dtype=np.float64) for ends in (death, contact, cut)
        )
        if not ((day > died) | (day > last) | (day > cut_at)).any():
            continue
        frame = frame.assign(died=died, contact=last, cut=cut_at)
        late = day > died
        # One mistyped death makes all that follows wrong: said once a subject and table.
        after = frame[late].sort_values("time", kind="stable")
        others = after.groupby("subject")["line"].transform("size") - 1
        after["more"] = [f", and {counted(n, 'more row')}" if n else "" for n in others]
        yield from at_rows(
            "after-death",
            name,
            after,
            ~after.duplicated("subject"),
            column="time",
            came="day {time:g}, after the death on day {died:g}{more:bare}",
            wanted="nothing after a death",
            cure="Correct this day, or the death in events.csv.",
        )
        survived = ~late & (day > last)
        if name == "events":
            survived &= (frame["event"] != "death").to_numpy()
        yield from at_rows(
            "after-last-contact",
            name,
            frame,
            survived,
            column="time",
            came="day {time:g}, after the last contact on day {contact:g}",
            wanted="a last contact on or after the last row",
            cure="Correct this day, or the last contact in events.csv.",
        )
        yield from at_rows(
            "after-data-cut",
            name,
            frame,
            day > cut_at,
            column="time",
            came="day {time:g}, after the data cut-off on day {cut:g}",
            wanted="nothing after the cut-off",
            cure="Correct this day or data_cut, or take the row out.",
        )
    yield from at_rows(
        "after-horizon",
        "events",
        events.assign(horizon=study.settings.horizon),
        events["time"] > study.settings.horizon,
        column="time",
        came="{event} on day {time:g}, after the horizon on day {horizon:g}",
        cure="It is listed and not used; horizon is set in study.toml.",
    )
