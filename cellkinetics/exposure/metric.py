"""What a metric is: a function with a name, a unit, a meaning and what it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from cellkinetics.exposure.areas import area, moment
from cellkinetics.exposure.curves import READ, Bools, Floats, Ints
from cellkinetics.exposure.lines import Lines, best_line
from cellkinetics.exposure.notes import Note, missing, only_missing
from cellkinetics.exposure.profile import Profiles
from cellkinetics.exposure.rules import Route


@dataclass(frozen=True)
class Found:
    """One metric of many profiles: values (profile,), NaN where ``notes`` says why."""

    value: Floats
    notes: Ints


@dataclass(frozen=True)
class Parts:
    """What several metrics share: the profiles, their lines and the areas of their intervals."""

    profiles: Profiles
    terminal: Lines
    contraction: Lines
    areas: Floats
    moments: Floats


type Function = Callable[[Parts, Mapping[str, Found]], Found]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str                    as in tables
    meaning : str                 in words
    unit : str                    rule: "level", "time", "level*time", "level*time^2", "1/time",
                                  "level/dose", "level*time/dose", "%", "1" or "count"
    function : callable           (Parts, metrics that it needs) -> Found; may divide by zero
    needs : tuple of str          metrics that it is computed from
    code : str or mapping         CDISC PPTESTCD, by route where it differs; "" where there is none
    winnonlin : str               its column in Phoenix WinNonlin's output; "" where there is none
    geometric : bool              summarised by a geometric mean
    """

    name: str
    meaning: str
    unit: str
    function: Function
    needs: tuple[str, ...] = ()
    code: str | Mapping[Route, str] = field(default="")
    winnonlin: str = ""
    geometric: bool = True

    def code_for(self, route: Route) -> str:
        """CDISC PPTESTCD under a route of administration."""
        return self.code if isinstance(self.code, str) else self.code[route]


def take_apart(profiles: Profiles) -> Parts:
    """Choose the lines and measure the intervals of all profiles."""
    curves, rules = profiles.curves, profiles.rules
    place = np.arange(curves.time.shape[1])
    # A reading above its limit is not a point of any line: it says only "at least".
    numbers = profiles.quantifiable & (curves.kind == READ)
    peak = profiles.peak[:, None]
    ended = (
        curves.time >= curves.duration[:, None]
        if rules.slope == "winnonlin"
        else (curves.time > curves.duration[:, None]) | (curves.duration[:, None] == 0)
    )
    from_peak = numbers & ended & (place >= peak)

    def choose(eligible: Bools, *, forwards: bool = False) -> Lines:
        return best_line(
            curves.time,
            curves.value,
            eligible,
            order=rules.slope,
            min_points=rules.min_points,
            tolerance=rules.tolerance,
            forwards=forwards,
        )

    return Parts(
        profiles,
        terminal=choose(from_peak if rules.tmax_on_line else from_peak & (place > peak)),
        contraction=choose(from_peak, forwards=True),
        areas=area(profiles.time, profiles.level, rules.trapezoid),
        moments=moment(profiles.time, profiles.level, rules.trapezoid),
    )


def found(parts: Parts, value: Floats, *notes: Ints) -> Found:
    """Put a value together with the notes of what it rests on; missing where one says so."""
    every = parts.profiles.notes.copy()
    for more in notes:
        every = every | more
    # Levels near the ends of what a number can be: an overflow is no answer.
    every = np.where(np.isfinite(value) | missing(every), every, every | Note.NOT_FINITE)
    gone = missing(every)
    # What qualifies a value has nothing to say where there is none.
    return Found(np.where(gone, np.nan, value), np.where(gone, only_missing(every), every))


def note(parts: Parts, where: Bools, what: int) -> Ints:
    """Give ``what`` to the profiles where a condition holds and that can be measured at all."""
    return np.where((parts.profiles.notes == 0) & where, what, 0).astype(np.int64)
