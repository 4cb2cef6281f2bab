"""From readings to the curve that areas are taken of, under the rules for readings below limits."""

from dataclasses import dataclass

import numpy as np

from cellkinetics.errors import SpecError
from cellkinetics.exposure.curves import ABOVE, BELOW, PAD, READ, Bools, Curves, Floats, Ints
from cellkinetics.exposure.notes import Note
from cellkinetics.exposure.rules import Rules


@dataclass(frozen=True)
class Profiles:
    """Many profiles, ready to be measured.

    Attributes
    ----------
    curves : Curves                           the readings
    rules : Rules
    quantifiable : bool array (profile, reading)   a positive number, at its limit where above it
    detected : bool array (profile, reading)  quantifiable and not under a known limit
    peak, last : int array (profile,)         where the first maximum and the last quantifiable are
    notes : int array (profile,)              why nothing can be said of a profile; 0 where it can
    above : int array (profile,)              Note.ABOVE_LIMIT where a reading is above its limit
    c0 : float array (profile,)               level at time 0: read, back-extrapolated or 0
    c0_notes : int array (profile,)
    time, level : float array (profile, point)     the curve, its last point repeated as padding
    end : float array (profile,)              time of the curve's last point
    """

    curves: Curves
    rules: Rules
    quantifiable: Bools
    detected: Bools
    peak: Ints
    last: Ints
    notes: Ints
    above: Ints
    c0: Floats
    c0_notes: Ints
    time: Floats
    level: Floats
    end: Floats

    def at(self, table: Floats, index: Ints) -> Floats:
        """Pick one reading a profile, NaN where nothing can be said of the profile."""
        picked = table[np.arange(len(table)), index]
        return np.asarray(np.where(self.notes != 0, np.nan, picked), dtype=np.float64)

    @property
    def t_max(self) -> Floats:
        """Time of the first maximum."""
        return self.at(self.curves.time, self.peak)

    @property
    def c_max(self) -> Floats:
        """Highest reading."""
        return self.at(self.curves.value, self.peak)

    @property
    def t_last(self) -> Floats:
        """Time of the last quantifiable reading."""
        return self.at(self.curves.time, self.last)

    @property
    def c_last(self) -> Floats:
        """Last quantifiable reading."""
        return self.at(self.curves.value, self.last)

    @property
    def after_dose(self) -> Bools:
        """Readings that show what the dose did."""
        read = self.curves.kind != PAD
        with np.errstate(invalid="ignore"):
            return np.asarray(read & ((self.curves.time > 0) | (not self.curves.predose)))


def make_profiles(curves: Curves, rules: Rules) -> Profiles:
    """Apply the rules to readings.

    Parameters
    ----------
    curves : Curves
    rules : Rules

    Returns
    -------
    Profiles

    Raises
    ------
    SpecError                                 a rule that needs limits which are not known
    """
    kind, value = curves.kind, curves.value
    with np.errstate(invalid="ignore"):
        quantifiable = ((kind == READ) | (kind == ABOVE)) & (value > 0)
        detected = quantifiable & ~(value < curves.limit)
    any_quantifiable = quantifiable.any(axis=1)
    peak = np.argmax(np.where(quantifiable, value, -np.inf), axis=1)
    width = kind.shape[1]
    last = width - 1 - np.argmax(quantifiable[:, ::-1], axis=1)
    notes = np.where(
        any_quantifiable,
        0,
        np.where((kind != PAD).any(axis=1), Note.ALL_BELOW, Note.NO_READING),
    ).astype(np.int64)
    above = np.where((kind == ABOVE).any(axis=1), Note.ABOVE_LIMIT, 0).astype(np.int64)
    on_curve, level = _on_curve(curves, rules, quantifiable, last)
    c0, c0_notes = _start(curves, rules, on_curve, level)
    time, level = _with_start(curves.time, level, on_curve & any_quantifiable[:, None], c0)
    return Profiles(
        curves=curves,
        rules=rules,
        quantifiable=quantifiable,
        detected=detected,
        peak=peak,
        last=last,
        notes=notes,
        above=above,
        c0=np.where(notes != 0, np.nan, c0),
        c0_notes=c0_notes,
        time=time,
        level=level,
        end=time[:, -1],
    )


def _on_curve(
    curves: Curves, rules: Rules, quantifiable: Bools, last: Ints
) -> tuple[Bools, Floats]:
    """Which readings are points of the curve, and at what level."""
    place = np.arange(curves.kind.shape[1])
    first = np.argmax(quantifiable, axis=1)
    below = curves.kind == BELOW
    on_curve = curves.kind != PAD
    level = np.where(below, 0.0, curves.value)
    places = {
        "before": below & (place < first[:, None]),
        "between": below & (place > first[:, None]) & (place < last[:, None]),
        "after": below & (place > last[:, None]),
    }
    for name, here in places.items():
        rule = getattr(rules, name)
        if rule == "drop":
            on_curve = on_curve & ~here
        elif rule in ("half", "lloq"):
            if np.isnan(curves.limit[here]).any():
                raise SpecError(
                    f"{name} = '{rule}' needs the limit of every reading below it, and some have"
                    " none. Give lloq, or use 'zero' or 'drop'."
                )
            level = np.where(here, curves.limit * (0.5 if rule == "half" else 1.0), level)
    return on_curve, level


def _start(curves: Curves, rules: Rules, on_curve: Bools, level: Floats) -> tuple[Floats, Ints]:
    """Level at time 0 as Phoenix takes it: read there, back-extrapolated (bolus), else 0.

    For a bolus whose first two readings do not fall, or are not both positive, it is the first
    positive reading.
    """
    count, width = on_curve.shape
    row = np.arange(count)
    one = np.argmax(on_curve, axis=1)
    t1, y1 = curves.time[row, one], level[row, one]
    notes = np.zeros(count, dtype=np.int64)
    if rules.route != "bolus":
        return np.where(t1 == 0, y1, 0.0), notes
    rest = on_curve & (np.arange(width) > one[:, None])
    two = np.argmax(rest, axis=1)
    t2, y2 = curves.time[row, two], level[row, two]
    with np.errstate(all="ignore"):
        back = y1 * (y1 / y2) ** (t1 / (t2 - t1))
    falls = rest.any(axis=1) & (y1 > y2) & (y2 > 0)
    notes[~falls & (t1 > 0)] = Note.FIRST_VALUE
    positive = level[row, np.argmax(on_curve & (level > 0), axis=1)]
    return np.where(t1 == 0, y1, np.where(falls, back, positive)), notes


def _with_start(time: Floats, level: Floats, on_curve: Bools, c0: Floats) -> tuple[Floats, Floats]:
    """Move the curve's points to the left, with one at time 0 put before them where it lacks."""
    count = len(time)
    first = np.argmax(on_curve, axis=1)
    with np.errstate(invalid="ignore"):
        lacks = on_curve.any(axis=1) & (time[np.arange(count), first] > 0)
    points = np.concatenate([lacks[:, None], on_curve], axis=1)
    time = np.concatenate([np.zeros((count, 1)), time], axis=1)
    level = np.concatenate([c0[:, None], level], axis=1)
    size = points.sum(axis=1)
    order = np.argsort(~points, axis=1, kind="stable")[:, : max(int(size.max(initial=2)), 2)]
    within = np.minimum(np.arange(order.shape[1]), np.maximum(size - 1, 0)[:, None])
    order = np.take_along_axis(order, within, axis=1)
    time = np.take_along_axis(time, order, axis=1)
    level = np.take_along_axis(level, order, axis=1)
    nothing = (size == 0)[:, None]
    return np.where(nothing, np.nan, time), np.where(nothing, np.nan, level)
