"""The flat arrays that a kernel reads: who is asked when for what, and who was infused."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LANES = 8
"""Subjects that an integrator carries side by side."""


@dataclass(frozen=True)
class Rows:
    """Times and observables asked of each subject; those of subject s are start[s]:start[s + 1].

    Attributes
    ----------
    start : int array (subject + 1,)
    time : float array (row,), day          not decreasing within a subject
    observable : int array (row,)           index into the model's observables, then its states
    """

    start: Ints
    time: Floats
    observable: Ints


@dataclass(frozen=True)
class Dosing:
    """Infusions of each subject; those of subject s are start[s]:start[s + 1].

    Attributes
    ----------
    start : int array (subject + 1,)
    time : float array (infusion,), day     not decreasing within a subject
    cells : float array (infusion,)         in the unit of the model's dose
    """

    start: Ints
    time: Floats
    cells: Floats


def ragged_start(index: Sequence[int] | Ints, count: int) -> Ints:
    """Where each subject's entries begin, for entries sorted by subject.

    Parameters
    ----------
    index : int array (entry,)              subject of each entry, not decreasing
    count : int                             number of subjects

    Returns
    -------
    int array (count + 1,)
    """
    start = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(np.asarray(index, dtype=np.int64), minlength=count), out=start[1:])
    return start


def regular_rows(times: Floats, observables: Sequence[int], subjects: int) -> Rows:
    """The same times and observables for every subject, observables changing fastest."""
    asked = np.asarray(observables, dtype=np.int64)
    per = len(times) * len(asked)
    return Rows(
        start=np.arange(subjects + 1, dtype=np.int64) * per,
        time=np.tile(np.repeat(np.asarray(times, dtype=np.float64), len(asked)), subjects),
        observable=np.tile(np.tile(asked, len(times)), subjects),
    )


def repeated_start(start: Ints, times: int) -> Ints:
    """Where entries begin once all of them stand several times, one copy after the other."""
    counts = np.tile(np.diff(start), times)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def repeated_rows(rows: Rows, times: int) -> Rows:
    """All rows several times, as of so many more subjects."""
    return Rows(
        repeated_start(rows.start, times),
        np.tile(rows.time, times),
        np.tile(rows.observable, times),
    )


def repeated_dosing(dosing: Dosing, times: int) -> Dosing:
    """All infusions several times, as of so many more subjects."""
    return Dosing(
        repeated_start(dosing.start, times),
        np.tile(dosing.time, times),
        np.tile(dosing.cells, times),
    )


def regular_dosing(infusions: Sequence[tuple[float, float]], subjects: int) -> Dosing:
    """The same (time, cells) infusions for every subject."""
    ordered = sorted(infusions)
    return Dosing(
        start=np.arange(subjects + 1, dtype=np.int64) * len(ordered),
        time=np.tile(np.array([t for t, _ in ordered], dtype=np.float64), subjects),
        cells=np.tile(np.array([c for _, c in ordered], dtype=np.float64), subjects),
    )


def rows_of(rows: Rows, subjects: Ints) -> tuple[Rows, Ints]:
    """Rows of some of the subjects, and where each of them lies among all rows."""
    start, places = _some(rows.start, subjects)
    return Rows(start, rows.time[places], rows.observable[places]), places


def dosing_of(dosing: Dosing, subjects: Ints) -> Dosing:
    """Infusions of some of the subjects."""
    start, places = _some(dosing.start, subjects)
    return Dosing(start, dosing.time[places], dosing.cells[places])


def _some(start: Ints, subjects: Ints) -> tuple[Ints, Ints]:
    pieces = [np.arange(start[s], start[s + 1]) for s in subjects]
    ends = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
    return ends, np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)


def most_times(rows: Rows) -> int:
    """How many different times a subject is asked for, at most."""
    if not len(rows.time):
        return 0
    new = np.concatenate([[0], np.cumsum(rows.time[1:] != rows.time[:-1]), [0]])
    first, last = rows.start[:-1], rows.start[1:]
    return int(np.max(np.where(last > first, new[last - 1] - new[first] + 1, 0)))
