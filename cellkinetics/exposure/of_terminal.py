"""Metrics of lines: the terminal phase, the contraction after the peak, the rise before it."""

from collections.abc import Callable, Mapping

import numpy as np

from cellkinetics.exposure.curves import BELOW, READ, Floats, Ints
from cellkinetics.exposure.lines import slope_through
from cellkinetics.exposure.metric import Found, Metric, Parts, found, note
from cellkinetics.exposure.notes import Note

type Others = Mapping[str, Found]
LN2 = float(np.log(2.0))


def _why_no_line(parts: Parts) -> Ints:
    line, rules = parts.terminal, parts.profiles.rules
    none = line.points == 0
    few = line.eligible < rules.min_points
    return (
        note(parts, none & few, Note.FEW_POINTS)
        | note(parts, none & ~few & ~line.falling, Note.NO_FALL)
        | note(parts, none & ~few & line.falling, Note.BEST_RISES)
    )


def _quality(parts: Parts) -> Ints:
    line, rules = parts.terminal, parts.profiles.rules
    poor = line.r2_adjusted < rules.min_r2_adjusted
    short = -line.slope * (line.upper - line.lower) / LN2 < rules.min_span
    return note(parts, poor, Note.POOR_LINE) | note(parts, short, Note.SHORT_SPAN)


def _of_line(pick: Callable[[Parts], Floats]) -> Callable[[Parts, Others], Found]:
    """A metric that the terminal line gives at once."""

    def function(parts: Parts, _: Others) -> Found:
        return found(parts, pick(parts), _why_no_line(parts))

    return function


def _lambda_z(parts: Parts, _: Others) -> Found:
    return found(parts, -parts.terminal.slope, _why_no_line(parts), _quality(parts))


def _half_life(parts: Parts, others: Others) -> Found:
    return found(parts, LN2 / others["lambda_z"].value, others["lambda_z"].notes)


def _span(parts: Parts, others: Others) -> Found:
    line = parts.terminal
    return found(
        parts, (line.upper - line.lower) / others["half_life"].value, others["half_life"].notes
    )


def _correlation(parts: Parts) -> Floats:
    return np.asarray(np.sign(parts.terminal.slope) * np.sqrt(parts.terminal.r2))


def _contraction(parts: Parts, _: Others) -> Found:
    line, rules = parts.contraction, parts.profiles.rules
    none = line.points == 0
    few = line.eligible < rules.min_points
    shared = (line.on_line & parts.terminal.on_line).any(axis=1)
    return found(
        parts,
        LN2 / -line.slope,
        note(parts, none & few, Note.FEW_FALLING),
        note(parts, none & ~few, Note.NO_FIRST_FALL),
        note(parts, shared, Note.SHARED_POINTS),
    )


def _doubling(parts: Parts, _: Others) -> Found:
    p = parts.profiles
    place = np.arange(p.curves.time.shape[1])
    up_to_peak = p.quantifiable & p.after_dose & (place <= p.peak[:, None])
    numbers = up_to_peak & (p.curves.kind == READ)
    level = np.where(numbers, p.curves.value, np.inf)
    lowest = level.min(axis=1, initial=np.inf)[:, None]
    # The last of the lowest: what lies before it is no rise.
    start = place.size - 1 - np.argmax((level == lowest)[:, ::-1], axis=1)
    slope, points = slope_through(
        p.curves.time, p.curves.value, numbers & (place >= start[:, None])
    )
    value = LN2 / slope
    flat = ~(slope > 0)
    return found(
        parts,
        value,
        note(parts, (points < 2) | flat, Note.NO_RISE),
        note(parts, points == 2, Note.TWO_POINTS),
    )


def _fold(parts: Parts, others: Others) -> Found:
    p = parts.profiles
    place = np.arange(p.curves.time.shape[1])
    earlier = p.after_dose & (place < p.peak[:, None])
    below = p.curves.kind == BELOW
    # A positive number where there is one, the limit where the reading is below it.
    level = np.where(below, p.curves.limit, p.curves.value)
    level = np.where(earlier & (level > 0), level, np.inf)
    lowest = level.min(axis=1, initial=np.inf)
    at_limit = (below & (level == lowest[:, None])).any(axis=1) & np.isfinite(lowest)
    value = others["Cmax"].value / lowest
    return found(
        parts,
        value,
        others["Cmax"].notes,
        note(parts, ~np.isfinite(lowest), Note.NO_EARLIER),
        note(parts, at_limit, Note.FOLD_AT_LIMIT),
    )


TERMINAL: tuple[Metric, ...] = (
    Metric(
        "lambda_z",
        "rate constant of the terminal line",
        "1/time",
        _lambda_z,
        (),
        "LAMZ",
        "Lambda_z",
    ),
    Metric(
        "half_life",
        "terminal half-life, ln 2 / lambda_z",
        "time",
        _half_life,
        ("lambda_z",),
        "LAMZHL",
        "HL_Lambda_z",
    ),
    Metric(
        "R2",
        "R2 of the terminal line",
        "1",
        _of_line(lambda parts: parts.terminal.r2),
        (),
        "R2",
        "Rsq",
        False,
    ),
    Metric(
        "R2_adjusted",
        "adjusted R2 of the terminal line",
        "1",
        _of_line(lambda parts: parts.terminal.r2_adjusted),
        (),
        "R2ADJ",
        "Rsq_adjusted",
        False,
    ),
    Metric(
        "corr_xy",
        "correlation of time and log level on the terminal line",
        "1",
        _of_line(_correlation),
        (),
        "CORRXY",
        "Corr_XY",
        False,
    ),
    Metric(
        "lambda_z_points",
        "readings on the terminal line",
        "count",
        _of_line(lambda parts: parts.terminal.points.astype(np.float64)),
        (),
        "LAMZNPT",
        "No_points_lambda_z",
        False,
    ),
    Metric(
        "lambda_z_lower",
        "first time on the terminal line",
        "time",
        _of_line(lambda parts: parts.terminal.lower),
        (),
        "LAMZLL",
        "Lambda_z_lower",
        False,
    ),
    Metric(
        "lambda_z_upper",
        "last time on the terminal line",
        "time",
        _of_line(lambda parts: parts.terminal.upper),
        (),
        "LAMZUL",
        "Lambda_z_upper",
        False,
    ),
    Metric(
        "lambda_z_span",
        "half-lives that the terminal line spans",
        "1",
        _span,
        ("half_life",),
        "LAMZSPN",
        "Span",
        False,
    ),
    Metric(
        "Clast_pred",
        "level of the terminal line at Tlast",
        "level",
        _of_line(lambda parts: parts.terminal.level(parts.profiles.t_last)),
        (),
        "CLSTP",
        "Clast_pred",
    ),
)

CELLS: tuple[Metric, ...] = (
    Metric(
        "contraction_half_life",
        "half-life of the first decline, from Tmax on",
        "time",
        _contraction,
    ),
    Metric("doubling_time", "doubling time on the rise to Tmax", "time", _doubling),
    Metric(
        "fold_expansion",
        "Cmax over the lowest reading between the infusion and Tmax",
        "1",
        _fold,
        ("Cmax",),
    ),
)
