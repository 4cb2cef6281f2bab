"""From a subject's course to a time and an event, one small function a rule."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd

from cellkinetics.errors import did_you_mean
from cellkinetics.outcome.survival.course import (
    REMISSION,
    RESPONSE,
    Course,
    Fact,
)
from cellkinetics.outcome.survival.rules import CensorAt
from cellkinetics.survival.data import SurvivalError

SUBJECT_COLUMNS = (
    "subject",
    "start",
    "time",
    "event",
    "what",
    "day",
    "why",
    "table",
    "file",
    "line",
    "reason",
    "not_used",
)
START = Fact(0.0, "infusion", "infusions")


@dataclass(frozen=True)
class Derived:
    """One subject's result before horizon and censoring options.

    ``event`` is the fact that ends the time as an event (None: censored at ``censored``); a day 0
    in ``event_day`` overrides the fact's own day (a treatment failure dated back to time 0).
    """

    start: Fact
    event: Fact | None
    censored: Fact
    event_day: float | None = None
    not_used: tuple[str, ...] = ()


type Rule = Callable[[Course], Derived | str]  # a text says why the subject does not count


def overall(course: Course) -> Derived:
    """Overall survival."""
    return Derived(START, course.death, course.alive)


def follow_up(course: Course) -> Derived:
    """Follow-up: being alive at the end is the event, death censors."""
    if course.death is not None:
        return Derived(START, None, course.death)
    return Derived(START, course.alive, course.alive)


def event_free_registered(course: Course) -> Derived:
    """First treatment failure, progression, relapse or death."""
    return Derived(START, _first(*course.disease, course.death), course.alive)


def event_free_eln2017(landmark: float | None, remission: Collection[str]) -> Rule:
    """Refractory disease at the day of its assessment."""
    kinds = tuple(remission)

    def rule(course: Course) -> Derived:
        refractory = None
        if (
            landmark is not None
            and course.first(kinds, landmark) is None
            and course.alive.day >= landmark
        ):
            by_then = [fact for fact in course.responses if fact.day <= landmark]
            if by_then:
                last = by_then[-1]
                refractory = replace(last, what=f"refractory ({last.what})")
        event = _first(*course.disease, refractory, course.death)
        return Derived(START, event, course.assessed or START)

    return rule


def event_free_at_landmark(landmark: float, remission: Collection[str]) -> Rule:
    """No remission by the landmark is an event at time 0 (ELN 2022, FDA)."""
    kinds = tuple(remission)

    def rule(course: Course) -> Derived:
        reached = course.first(kinds, landmark)
        if reached is None:
            return _failed(course, landmark)
        later = [fact for fact in course.disease if fact.day >= reached.day]
        declared = [
            fact
            for fact in course.disease
            if fact.what == "treatment_failure" and fact.day <= reached.day
        ]
        if declared:
            return Derived(START, declared[0], START, event_day=0.0)
        earlier = tuple(
            f"{fact}: before the remission of day {reached.day:g}"
            for fact in course.disease
            if fact.day < reached.day
        )
        return Derived(
            START, _first(*later, course.death), course.assessed or START, not_used=earlier
        )

    return rule


def _failed(course: Course, landmark: float) -> Derived:
    """Without remission by the landmark: an event at time 0, or nothing is known."""
    by_then = [fact for fact in course.responses if fact.day <= landmark]
    declared = _first(*course.disease, course.death)
    if declared is not None and declared.day <= landmark:
        return Derived(START, declared, START, event_day=0.0)
    if course.cut < landmark:
        return Derived(START, None, Fact(0.0, "data cut before the landmark", ""))
    if not by_then:
        return Derived(START, None, Fact(0.0, "not evaluable by the landmark", ""))
    last = by_then[-1]
    return Derived(
        START,
        replace(last, what=f"no remission by day {landmark:g}, {last.what}"),
        START,
        event_day=0.0,
    )


def response_duration(*, from_infusion: bool, death_counts: bool) -> Rule:
    """Duration of response, of responders alone."""

    def rule(course: Course) -> Derived | str:
        begun = course.first(RESPONSE)
        if begun is None:
            return "no response (CR, CRh, CRi, PR)"
        later, earlier = _after(course, begun)
        death = course.death
        if death_counts:
            event, censored = _first(*later, death), course.assessed or begun
        else:
            event, censored = _first(*later), death or course.alive
        start = START if from_infusion else begun
        return Derived(start, event, censored, not_used=earlier)

    return rule


def relapse_free(course: Course) -> Derived | str:
    """Relapse-free survival, of subjects in remission alone."""
    begun = course.first(REMISSION)
    if begun is None:
        return "no remission (CR, CRh, CRi)"
    later, earlier = _after(course, begun)
    return Derived(begun, _first(*later, course.death), course.alive, not_used=earlier)


def _after(course: Course, begun: Fact) -> tuple[list[Fact], tuple[str, ...]]:
    """Disease from a response on, and what came before it in words.

    Disease on the very day of the response ends it at once, as it ends event-free survival: no
    duration may outlive an event that EFS counts. The check of the study warns of it.
    """
    later = [fact for fact in course.disease if fact.day >= begun.day]
    earlier = [fact for fact in course.disease if fact.day < begun.day]
    words = f"before the first {begun.what} of day {begun.day:g}"
    return later, tuple(f"{fact}: {words}" for fact in earlier)


def _first(*facts: Fact | None) -> Fact | None:
    """The earliest; on one day, disease before death."""
    known = [fact for fact in facts if fact is not None]
    return min(known, key=lambda fact: (fact.day, fact.what == "death"), default=None)


def derive(
    courses: Iterable[Course],
    rule: Rule,
    *,
    horizon: float = np.inf,
    censor_at: Collection[CensorAt] = (),
) -> pd.DataFrame:
    """Apply a rule to every subject.

    Parameters
    ----------
    courses : iterable of Course
    rule : function               of this module
    horizon : float, day          whoever is event-free then is censored then; later events are
                                  listed in ``not_used``
    censor_at : collection        "transplant", "other_therapy"

    Returns
    -------
    DataFrame                     ``SUBJECT_COLUMNS``, a row a subject: time (day, from ``start``),
                                  event 1, 0 or missing, what and why with table, file, line; who
                                  does not count has no time and a ``reason``

    Raises
    ------
    SurvivalError                 if ``censor_at`` names something else
    """
    if isinstance(censor_at, str):
        raise SurvivalError(f"censor_at={censor_at!r} is one text; wanted a list of them.")
    for name in censor_at:
        if name not in get_args(CensorAt):
            raise SurvivalError(f"censor_at {name!r}. {did_you_mean(name, get_args(CensorAt))}")
    rows = [_row(course, rule(course), horizon, censor_at) for course in courses]
    frame = pd.DataFrame(rows, columns=list(SUBJECT_COLUMNS))
    return frame.astype(
        {"start": float, "time": float, "day": float, "event": "Int64", "line": "Int64"}
    )


def _row(
    course: Course, derived: Derived | str, horizon: float, censor_at: Collection[CensorAt]
) -> tuple[object, ...]:
    unused = list(course.unused)
    if isinstance(derived, str):
        return _without_time(course, None, derived, unused)
    unused += derived.not_used
    end, day, happened = derived.censored, derived.censored.day, False
    if derived.event is not None:
        end, happened = derived.event, True
        day = derived.event.day if derived.event_day is None else derived.event_day
    stop = next((fact for fact in course.interruptions if fact.what in censor_at), None)
    if stop is not None and day > stop.day:
        if happened:
            unused.append(f"{end}: after the {stop.what.replace('_', ' ')}")
        end, day, happened = stop, stop.day, False
    if derived.start.day > horizon:
        why = f"{derived.start.what} on day {derived.start.day:g} is after the horizon"
        return _without_time(course, derived.start.day, why, unused)
    if day > horizon:
        end, day, happened = Fact(horizon, "horizon", ""), horizon, False
    later = [*course.disease, *([] if course.death is None else [course.death])]
    unused += [
        f"{fact}: after the horizon, day {horizon:g}" for fact in later if fact.day > horizon
    ]
    # Nobody is censored before the start: a transplant before the response censors at once.
    day = max(day, derived.start.day)
    return (
        course.subject,
        derived.start.day,
        day - derived.start.day,
        int(happened),
        _what(end) if happened else "censored",
        day,
        _why(end, day, happened),
        end.table,
        end.file or (f"{end.table}.csv" if end.table else ""),
        end.line,
        None,
        "; ".join(unused),
    )


def _without_time(
    course: Course, start: float | None, reason: str, unused: list[str]
) -> tuple[object, ...]:
    """The row of a subject who does not count."""
    return course.subject, start, *(None,) * 8, reason, "; ".join(unused)


def _what(fact: Fact) -> str:
    """The kind of event, without the details that follow it."""
    return fact.what.split(" (")[0].split(",")[0]


def _why(fact: Fact, day: float, happened: bool) -> str:
    if happened and fact.day != day:
        return f"{fact}, dated to day {day:g}"
    if happened:
        return str(fact)
    if fact.what == "horizon":
        return f"event-free on day {day:g}, the horizon"
    return f"censored: {fact}"
