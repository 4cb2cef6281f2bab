"""The flat arrays that a kernel reads: who is asked when for what, and who was infused."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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


def regular_dosing(infusions: Sequence[tuple[float, float]], subjects: int) -> Dosing:
    """The same (time, cells) infusions for every subject."""
    ordered = sorted(infusions)
    return Dosing(
        start=np.arange(subjects + 1, dtype=np.int64) * len(ordered),
        time=np.tile(np.array([t for t, _ in ordered], dtype=np.float64), subjects),
        cells=np.tile(np.array([c for _, c in ordered], dtype=np.float64), subjects),
    )
