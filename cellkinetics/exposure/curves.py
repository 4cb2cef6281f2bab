"""Readings of many profiles as padded matrices: one row a profile, in order of time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellkinetics.errors import SpecError

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Bools = NDArray[np.bool_]

READ, BELOW, ABOVE, PAD = 0, 1, 2, -1


@dataclass(frozen=True)
class Curves:
    """Readings of profiles, padded on the right (``kind`` is ``PAD`` there).

    Attributes
    ----------
    time : float array (profile, reading)     since the dose, not negative, increasing
    value : float array (profile, reading)    the level; the limit where the reading is beyond one
    kind : int array (profile, reading)       READ, BELOW, ABOVE or PAD
    limit : float array (profile, reading)    lower limit of quantification; NaN where unknown
    dose : float array (profile,)             NaN where there is none
    duration : float array (profile,)         of the infusion, 0 for other routes
    began : float array (profile,)            when another treatment began, NaN where none did
    predose : bool                            a reading at time 0 was taken before the dose
    """

    time: Floats
    value: Floats
    kind: Ints
    limit: Floats
    dose: Floats
    duration: Floats
    began: Floats
    predose: bool = True

    def __len__(self) -> int:
        """Give the number of profiles."""
        return len(self.time)


def pack(
    profile: Ints,
    time: Floats,
    value: Floats,
    kind: Ints,
    limit: Floats,
    *,
    count: int,
    dose: Floats | None = None,
    duration: Floats | None = None,
    began: Floats | None = None,
    predose: bool = True,
) -> Curves:
    """Sort readings into profiles; readings of one profile at one time become one.

    Parameters
    ----------
    profile : int array (row,)                which profile, 0 to count - 1
    time, value, limit : float array (row,)   as in ``Curves``
    kind : int array (row,)                   READ, BELOW or ABOVE
    count : int                               number of profiles; some may have no row
    dose, duration, began : float array (profile,), optional
    predose : bool

    Returns
    -------
    Curves

    Raises
    ------
    SpecError                                 a time or value that is not finite or is negative
    """
    _refuse(~np.isfinite(time) | (time < 0), time, "time")
    _refuse((kind != BELOW) & (~np.isfinite(value) | (value < 0)), value, "value")
    order = np.lexsort((time, profile))
    profile, kind = profile[order], kind[order]
    time, value, limit = time[order], value[order], limit[order]
    again = (profile[1:] == profile[:-1]) & (time[1:] == time[:-1])
    if again.any():
        profile, time, value, kind, limit = _averaged(again, profile, time, value, kind, limit)
    counts = np.bincount(profile, minlength=count)
    place = np.arange(len(profile)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (count, max(int(counts.max(initial=0)), 1))

    def spread(column: Floats) -> Floats:
        out = np.full(shape, np.nan)
        out[profile, place] = column
        return out

    kinds = np.full(shape, PAD, dtype=np.int64)
    kinds[profile, place] = kind

    return Curves(
        time=spread(time),
        value=spread(value),
        kind=kinds,
        limit=spread(limit),
        dose=np.full(count, np.nan) if dose is None else dose,
        duration=np.zeros(count) if duration is None else duration,
        began=np.full(count, np.nan) if began is None else began,
        predose=predose,
    )


def trajectories(times: Floats, levels: Floats, *, limit: float | Floats, dose: Floats) -> Curves:
    """Take trajectories of a model as curves: all points are readings, and time 0 is after dosing.

    Parameters
    ----------
    times : float array (time,)               increasing, not negative
    levels : float array (profile, time)
    limit : float or array (profile,)         of quantification; NaN where there is none
    dose : float array (profile,)
    """
    shape = levels.shape
    # A trajectory that failed anywhere is no trajectory: it becomes a profile without readings.
    solved = np.broadcast_to(np.isfinite(levels).all(axis=1, keepdims=True), shape)
    return Curves(
        time=np.where(solved, np.broadcast_to(times, shape), np.nan),
        value=np.where(solved, levels, np.nan),
        kind=np.where(solved, READ, PAD),
        limit=np.array(np.broadcast_to(np.reshape(limit, (-1, 1)), shape), dtype=np.float64),
        dose=dose,
        duration=np.zeros(shape[0]),
        began=np.full(shape[0], np.nan),
        predose=False,
    )


def in_parts(curves: Curves, cells: int) -> Iterator[tuple[slice, Curves]]:
    """Cut many profiles into parts of about so many cells, to bound the memory."""
    step = max(1, cells // curves.time.shape[1])
    for first in range(0, len(curves), step):
        part = slice(first, first + step)
        yield (
            part,
            Curves(
                curves.time[part],
                curves.value[part],
                curves.kind[part],
                curves.limit[part],
                curves.dose[part],
                curves.duration[part],
                curves.began[part],
                curves.predose,
            ),
        )


def _refuse(wrong: Bools, came: Floats, what: str) -> None:
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise SpecError(
            f"reading {at + 1} has {what} {came[at]:g}: wanted a finite number that is not"
            " negative. Leave such readings out, or mark one that is below its limit."
        )


def _averaged(
    again: Bools, profile: Ints, time: Floats, value: Floats, kind: Ints, limit: Floats
) -> tuple[Ints, Floats, Floats, Ints, Floats]:
    """Average readings of one time: below its limit counts as half of it, above as the limit.

    The mean of some that are below and some that are not is itself below where it is under the
    largest limit of them.
    """
    first = np.flatnonzero(np.concatenate([[True], ~again]))
    size = np.diff(np.append(first, len(profile)))
    number = np.where(kind == BELOW, np.nan_to_num(limit) / 2, value)
    mean = np.add.reduceat(number, first) / size
    # A single reading must come back as it was, to the last bit.
    mean = np.where(size == 1, number[first], mean)
    below = np.add.reduceat((kind == BELOW).astype(np.int64), first)
    above = np.maximum.reduceat((kind == ABOVE).astype(np.int64), first) > 0
    known = np.where(np.isnan(limit), -np.inf, limit)
    largest = np.maximum.reduceat(known, first)
    largest = np.where(np.isneginf(largest), np.nan, largest)
    under = (below == size) | ((below > 0) & ~above & (mean < largest))
    merged = np.where(under, BELOW, np.where(above, ABOVE, READ))
    return profile[first], time[first], np.where(under, largest, mean), merged, largest
