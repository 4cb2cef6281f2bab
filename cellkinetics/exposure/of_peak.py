"""Metrics of single readings: the highest, the last, the level at time 0."""

from collections.abc import Mapping

import numpy as np

from cellkinetics.exposure.curves import PAD
from cellkinetics.exposure.metric import Found, Metric, Parts, found, note
from cellkinetics.exposure.notes import Note

type Others = Mapping[str, Found]


def _c_max(parts: Parts, _: Others) -> Found:
    return found(parts, parts.profiles.c_max, parts.profiles.above)


def _t_max(parts: Parts, _: Others) -> Found:
    p = parts.profiles
    several = p.quantifiable.sum(axis=1) > 1
    # A bolus is highest at once: only where cells multiply does the first reading hide a peak.
    rises = (p.t_max > 0) & p.curves.predose & (p.rules.route != "bolus")
    first = rises & (p.peak == np.argmax(p.after_dose, axis=1))
    return found(
        parts,
        p.t_max,
        p.above,
        note(parts, (p.peak == p.last) & several, Note.TMAX_LAST),
        note(parts, first, Note.TMAX_FIRST),
    )


def _c_last(parts: Parts, _: Others) -> Found:
    return found(parts, parts.profiles.c_last)


def _t_last(parts: Parts, _: Others) -> Found:
    return found(parts, parts.profiles.t_last)


def _c0(parts: Parts, _: Others) -> Found:
    other = parts.profiles.rules.route != "bolus"
    wrong = note(parts, np.full(len(parts.profiles.c0), other), Note.NOT_THIS_ROUTE)
    return found(parts, parts.profiles.c0, parts.profiles.c0_notes, wrong)


def _t_lag(parts: Parts, _: Others) -> Found:
    """Time of the reading before the first quantifiable one, 0 where that is the first of all."""
    p = parts.profiles
    first = np.argmax(p.quantifiable, axis=1)
    earlier = np.maximum(first - 1, 0)
    value = np.where(first == 0, 0.0, p.at(p.curves.time, earlier))
    other = p.rules.route != "extravascular"
    return found(parts, value, note(parts, np.full(len(value), other), Note.NOT_THIS_ROUTE))


def _first_detection(parts: Parts, _: Others) -> Found:
    p = parts.profiles
    after = p.after_dose
    seen = p.detected & after
    at = np.argmax(seen, axis=1)
    none = note(parts, ~seen.any(axis=1), Note.ALL_BELOW)
    first = note(
        parts,
        p.curves.predose & seen.any(axis=1) & (at == np.argmax(after, axis=1)),
        Note.AT_FIRST_SAMPLE,
    )
    return found(parts, p.at(p.curves.time, at), none, first)


def _persistence(parts: Parts, _: Others) -> Found:
    p = parts.profiles
    width = p.detected.shape[1]
    read = p.curves.kind != PAD
    last_seen = width - 1 - np.argmax(p.detected[:, ::-1], axis=1)
    last_read = width - 1 - np.argmax(read[:, ::-1], axis=1)
    none = note(parts, ~p.detected.any(axis=1), Note.ALL_BELOW)
    still = note(parts, last_seen == last_read, Note.STILL_THERE)
    return found(parts, p.at(p.curves.time, last_seen), none, still)


def _per_dose(name: str) -> Metric:
    whole = "Cmax"

    def function(parts: Parts, others: Others) -> Found:
        dose = parts.profiles.curves.dose
        none = note(parts, ~(dose > 0), Note.NO_DOSE)
        value = others[whole].value / dose
        return found(parts, value, others[whole].notes, none)

    return Metric(
        name, f"{whole} divided by the dose", "level/dose", function, (whole,), "CMAXD", "Cmax_D"
    )


PEAK: tuple[Metric, ...] = (
    Metric("Cmax", "highest reading", "level", _c_max, (), "CMAX", "Cmax"),
    _per_dose("Cmax_D"),
    Metric("Tmax", "time of Cmax, the first if tied", "time", _t_max, (), "TMAX", "Tmax", False),
    Metric(
        "C0",
        "level at time 0 after an intravenous bolus, back-extrapolated where it was not read",
        "level",
        _c0,
        (),
        "C0",
        "C0",
    ),
    Metric(
        "Tlag",
        "time of the reading before the first quantifiable one",
        "time",
        _t_lag,
        (),
        "TLAG",
        "Tlag",
        False,
    ),
    Metric(
        "first_detection",
        "time of the first quantifiable reading after the infusion",
        "time",
        _first_detection,
        geometric=False,
    ),
    Metric("Clast", "last quantifiable reading", "level", _c_last, (), "CLST", "Clast"),
    Metric(
        "Tlast",
        "time of the last quantifiable reading",
        "time",
        _t_last,
        (),
        "TLST",
        "Tlast",
        False,
    ),
    Metric(
        "persistence",
        "time of the last quantifiable reading; censored if that is the last reading of all",
        "time",
        _persistence,
        geometric=False,
    ),
)
