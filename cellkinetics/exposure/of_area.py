"""Metrics of areas: to the last reading, to infinity, over windows; first moments; time above."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from cellkinetics.exposure.areas import window
from cellkinetics.exposure.curves import BELOW, PAD, READ, Floats, Ints
from cellkinetics.exposure.metric import Found, Metric, Parts, found, note
from cellkinetics.exposure.notes import Note, only_missing
from cellkinetics.exposure.profile import Profiles
from cellkinetics.exposure.rules import Route

type Others = Mapping[str, Found]
type Tail = Literal["obs", "pred"]

_CLAST = {"obs": "Clast", "pred": "Clast_pred"}
_SHORT = {"day": "d", "hour": "h"}
_IN_WORDS = {"obs": "observed", "pred": "predicted"}


def _up_to_last(parts: Parts, table: Floats) -> Floats:
    p = parts.profiles
    counts = p.time[:, 1:] <= p.t_last[:, None]
    return np.asarray(np.where(counts, table, 0.0).sum(axis=1), dtype=np.float64)


def _no_area(parts: Parts) -> Ints:
    return note(parts, parts.profiles.t_last == 0, Note.NO_AREA)


def _auc_last(parts: Parts, _: Others) -> Found:
    return found(parts, _up_to_last(parts, parts.areas), _no_area(parts), parts.profiles.above)


def _aumc_last(parts: Parts, _: Others) -> Found:
    return found(parts, _up_to_last(parts, parts.moments), _no_area(parts), parts.profiles.above)


def _auc_all(parts: Parts, others: Others) -> Found:
    """AUClast and the triangle down to the first reading that is zero or below its limit."""
    p = parts.profiles
    kind, time = p.curves.kind, p.curves.time
    place = np.arange(kind.shape[1])
    nothing = (kind == BELOW) | ((kind == READ) & (p.curves.value == 0))
    later = nothing & (place > p.last[:, None])
    there = later.any(axis=1)
    width = p.at(time, np.argmax(later, axis=1)) - p.t_last
    triangle = np.where(there, 0.5 * width * p.c_last, 0.0)
    return found(parts, others["AUClast"].value + triangle, others["AUClast"].notes)


def _auc_infinite(tail: Tail) -> Metric:
    def function(parts: Parts, others: Others) -> Found:
        last, rate, level = others["AUClast"], others["lambda_z"], others[_CLAST[tail]]
        value = last.value + level.value / rate.value
        much = 100 * (1 - last.value / value) > parts.profiles.rules.max_extrapolated
        return found(
            parts,
            value,
            last.notes,
            rate.notes,
            note(parts, np.ones(len(value), dtype=bool), Note.EXTRAPOLATED),
            note(parts, much, Note.MUCH_EXTRAPOLATED),
        )

    return Metric(
        f"AUCinf_{tail}",
        f"area to infinity, its tail from the {_IN_WORDS[tail]} last level",
        "level*time",
        function,
        ("AUClast", "lambda_z", _CLAST[tail]),
        {"obs": "AUCIFO", "pred": "AUCIFP"}[tail],
        f"AUCINF_{tail}",
    )


def _aumc_infinite(tail: Tail) -> Metric:
    def function(parts: Parts, others: Others) -> Found:
        last, rate, level = others["AUMClast"], others["lambda_z"], others[_CLAST[tail]]
        k = rate.value
        value = last.value + level.value * parts.profiles.t_last / k + level.value / k**2
        extrapolated = note(parts, np.ones(len(value), dtype=bool), Note.EXTRAPOLATED)
        return found(parts, value, last.notes, rate.notes, extrapolated)

    return Metric(
        f"AUMCinf_{tail}",
        f"area under the first moment to infinity, tail from the {_IN_WORDS[tail]} last level",
        "level*time^2",
        function,
        ("AUMClast", "lambda_z", _CLAST[tail]),
        {"obs": "AUMCIFO", "pred": "AUMCIFP"}[tail],
        f"AUMCINF_{tail}",
    )


def _extrapolated(tail: Tail, *, of: Literal["AUC", "AUMC"]) -> Metric:
    whole, part = f"{of}inf_{tail}", f"{of}last"

    def function(parts: Parts, others: Others) -> Found:
        value = 100 * (1 - others[part].value / others[whole].value)
        return found(parts, value, only_missing(others[whole].notes))

    end = {"obs": "O", "pred": "P"}[tail]
    return Metric(
        f"{of}_extrap_{tail}",
        f"part of {whole} that is extrapolated",
        "%",
        function,
        (part, whole),
        f"{of}PE{end}",
        f"{of}_%Extrap_{tail}",
        False,
    )


def _back_extrapolated(tail: Tail) -> Metric:
    whole = f"AUCinf_{tail}"

    def function(parts: Parts, others: Others) -> Found:
        p = parts.profiles
        first = np.argmax(p.curves.kind != PAD, axis=1)
        # The curve's first interval was put before the readings where none was at time 0.
        before = np.where(p.at(p.curves.time, first) > 0, parts.areas[:, 0], 0.0)
        other = p.rules.route != "bolus"
        wrong = note(parts, np.full(len(before), other), Note.NOT_THIS_ROUTE)
        value = 100 * before / others[whole].value
        return found(parts, value, only_missing(others[whole].notes), wrong)

    return Metric(
        f"AUC_back_ext_{tail}",
        f"part of {whole} that lies before the first reading (intravenous bolus)",
        "%",
        function,
        (whole,),
        {"obs": "AUCPBEO", "pred": "AUCPBEP"}[tail],
        f"AUC_%Back_Ext_{tail}",
        False,
    )


def _per_dose(tail: Tail) -> Metric:
    whole = f"AUCinf_{tail}"

    def function(parts: Parts, others: Others) -> Found:
        dose = parts.profiles.curves.dose
        value = others[whole].value / dose
        return found(parts, value, others[whole].notes, note(parts, ~(dose > 0), Note.NO_DOSE))

    return Metric(
        f"AUCinf_D_{tail}",
        f"{whole} divided by the dose",
        "level*time/dose",
        function,
        (whole,),
        {"obs": "AUCIFOD", "pred": "AUCIFPD"}[tail],
        f"AUCINF_D_{tail}",
    )


def _mean_residence(end: Literal["last", "inf_obs", "inf_pred"]) -> Metric:
    above, below = f"AUMC{end}", f"AUC{end}"

    def function(parts: Parts, others: Others) -> Found:
        half = np.where(
            parts.profiles.rules.route == "infusion", parts.profiles.curves.duration / 2, 0.0
        )
        value = others[above].value / others[below].value - half
        return found(parts, value, others[above].notes, others[below].notes)

    stem = {"last": "LST", "inf_obs": "IFO", "inf_pred": "IFP"}[end]
    codes: dict[Route, str] = {
        "extravascular": f"MRTEV{stem}",
        "bolus": f"MRTIV{stem}",
        "infusion": f"MRTIV{stem}",
    }
    return Metric(
        f"MRT{end}",
        f"mean residence time, {above} / {below}; less half the infusion time",
        "time",
        function,
        (above, below),
        codes,
        f"MRT{end.replace('inf', 'INF')}",
    )


def _time_above(parts: Parts, _: Others) -> Found:
    """Time in which the curve between readings is at or above the limit of quantification."""
    p = parts.profiles
    time, limit = p.curves.time, p.curves.limit
    read = p.curves.kind != PAD
    # Below its limit a reading of a sample is no number: the curve is taken to come from zero.
    level = np.where(p.curves.kind == BELOW, 0.0, p.curves.value)
    width, both_read = np.diff(time, axis=1), read[:, 1:] & read[:, :-1]
    one, two = level[:, :-1], level[:, 1:]
    in_one, in_two = p.detected[:, :-1], p.detected[:, 1:]
    line = np.fmax(limit[:, :-1], limit[:, 1:])
    straight = (np.maximum(one, two) - line) / np.abs(two - one)
    curved = np.log(one / line) / np.log(one / two)
    log = (p.rules.trapezoid == "linlog") & (one > two) & (two > 0)
    share = np.clip(np.where(log, curved, straight), 0.0, 1.0)
    crossing = both_read & (in_one != in_two)
    spent = np.where(both_read & in_one & in_two, width, np.where(crossing, share * width, 0.0))
    known = np.isfinite(np.where(read, limit, np.nan)).any(axis=1)
    value = spent.sum(axis=1)
    unknown = note(parts, ~known | ~np.isfinite(value), Note.NO_LIMIT)
    last = read.shape[1] - 1 - np.argmax(read[:, ::-1], axis=1)
    still = note(parts, p.detected[np.arange(len(last)), last], Note.STILL_THERE)
    return found(parts, value, unknown, still)


def _window(name: str, meaning: str, bounds: Callable[[Profiles], tuple[Floats, Floats]]) -> Metric:
    """Metric of the area between two times; a bound is NaN where a subject has no such window."""

    def function(parts: Parts, others: Others) -> Found:
        p = parts.profiles
        begin, end = bounds(p)
        rate = others["lambda_z"]
        inside = window(p.time, p.level, p.rules.trapezoid, begin, end)
        past = end > p.end
        # With the curve going on to zeros behind Tlast there is nothing left to extrapolate.
        to_zero = past & (p.end > p.t_last)
        tailed = past & ~to_zero
        no_rate = tailed & np.isnan(rate.value)
        first = np.maximum(begin, p.t_last)
        tail = _past_last(p, rate.value, others["Clast_pred"].value, first, end)
        return found(
            parts,
            inside + np.where(tailed, tail, 0.0),
            p.above,
            note(parts, no_rate, Note.NO_TAIL) | np.where(no_rate, only_missing(rate.notes), 0),
            np.where(tailed & ~no_rate, rate.notes | Note.EXTRAPOLATED, 0),
            note(parts, to_zero, Note.ENDS_AT_ZERO),
        )

    return Metric(name, meaning, "level*time", function, ("lambda_z", "Clast_pred"), "AUCINT")


def _past_last(p: Profiles, rate: Floats, predicted: Floats, begin: Floats, end: Floats) -> Floats:
    """Area between two times from Tlast on, under the rule for it.

    Source
    ------
    Phoenix WinNonlin, "Partial area calculation", extrapolation after the last numeric observation.
    """
    level = p.c_last if p.rules.tail == "observed" else predicted
    one = np.where(begin > p.t_last, level * np.exp(-rate * (begin - p.t_last)), p.c_last)
    two = level * np.exp(-rate * (end - p.t_last))
    # In logarithms, because the level at the end may underflow.
    start = np.where(begin > p.t_last, rate * (begin - p.t_last), np.log(level / p.c_last))
    drop = rate * (end - p.t_last) - start
    width = end - begin
    falls = drop > 0
    log = width * one * -np.expm1(-drop) / np.where(falls, drop, 1.0)
    return np.asarray(np.where(falls, log, 0.5 * width * (one + two)))


def window_name(start: float, stop: float, time_unit: str) -> str:
    """Name of the area of a window."""
    return f"AUC{start:g}-{stop:g}{_SHORT.get(time_unit, '')}"


def windows_as_metrics(windows: Sequence[tuple[float, float]], time_unit: str) -> list[Metric]:
    """Make the metrics of fixed windows, ``AUC0-28d``."""

    def fixed(start: float, stop: float) -> Callable[[Profiles], tuple[Floats, Floats]]:
        return lambda p: (np.full_like(p.t_last, start), np.full_like(p.t_last, stop))

    return [
        _window(window_name(a, b, time_unit), f"area from {time_unit} {a:g} to {b:g}", fixed(a, b))
        for a, b in windows
    ]


def around_treatment(treatment: str) -> list[Metric]:
    """Make the metrics of the areas before ``Curves.began``, and from then on to Tlast."""
    before = _window(
        f"AUC_before_{treatment}",
        f"area from the infusion to the first {treatment}",
        lambda p: (np.zeros_like(p.t_last), p.curves.began),
    )
    after = _window(
        f"AUC_after_{treatment}",
        f"area from the first {treatment} to Tlast",
        lambda p: (p.curves.began, p.t_last),
    )

    def where_treated(part: Metric) -> Metric:
        def function(parts: Parts, others: Others) -> Found:
            p = parts.profiles
            value = part.function(parts, others)
            none = note(parts, np.isnan(p.curves.began), Note.NO_TREATMENT)
            late = note(parts, (p.curves.began >= p.t_last) & (part is after), Note.AFTER_LAST)
            # Of a window that a subject does not have, its area says nothing more.
            return found(parts, value.value, np.where(none != 0, 0, value.notes), none, late)

        return replace(part, function=function)

    return [where_treated(before), where_treated(after)]


AREA: tuple[Metric, ...] = (
    Metric("AUClast", "area to Tlast", "level*time", _auc_last, (), "AUCLST", "AUClast"),
    Metric(
        "AUCall",
        "AUClast and the triangle to the first later reading below its limit",
        "level*time",
        _auc_all,
        ("AUClast",),
        "AUCALL",
        "AUCall",
    ),
    _auc_infinite("obs"),
    _auc_infinite("pred"),
    _extrapolated("obs", of="AUC"),
    _extrapolated("pred", of="AUC"),
    _back_extrapolated("obs"),
    _back_extrapolated("pred"),
    _per_dose("obs"),
    _per_dose("pred"),
    Metric(
        "AUMClast",
        "area under the first moment to Tlast",
        "level*time^2",
        _aumc_last,
        (),
        "AUMCLST",
        "AUMClast",
    ),
    _aumc_infinite("obs"),
    _aumc_infinite("pred"),
    _extrapolated("obs", of="AUMC"),
    _extrapolated("pred", of="AUMC"),
    _mean_residence("last"),
    _mean_residence("inf_obs"),
    _mean_residence("inf_pred"),
)

TIME_ABOVE = Metric(
    "time_above_lloq",
    "time at or above the limit of quantification, interpolated between readings",
    "time",
    _time_above,
    geometric=False,
)
