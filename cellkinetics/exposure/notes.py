"""Why a metric is missing or must be read with care: one bit each, so that they add up."""

from enum import IntFlag, auto

import numpy as np
from numpy.typing import NDArray

type Ints = NDArray[np.int64]
type Texts = NDArray[np.object_]

NOT_ESTIMABLE = "not estimable"


class Note(IntFlag):
    """One remark about one metric of one profile; ``MEANING`` has its flag and its sentence."""

    NO_READING = auto()
    ALL_BELOW = auto()
    FEW_POINTS = auto()
    NO_FALL = auto()
    BEST_RISES = auto()
    NO_DOSE = auto()
    NOT_THIS_ROUTE = auto()
    NO_TAIL = auto()
    NO_AREA = auto()
    NO_LIMIT = auto()
    NO_RISE = auto()
    NO_EARLIER = auto()
    FEW_FALLING = auto()
    NO_FIRST_FALL = auto()
    NO_TREATMENT = auto()
    AFTER_LAST = auto()
    NOT_FINITE = auto()
    EXTRAPOLATED = auto()
    MUCH_EXTRAPOLATED = auto()
    ENDS_AT_ZERO = auto()
    POOR_LINE = auto()
    SHORT_SPAN = auto()
    ABOVE_LIMIT = auto()
    STILL_THERE = auto()
    FOLD_AT_LIMIT = auto()
    TWO_POINTS = auto()
    SHARED_POINTS = auto()
    FIRST_VALUE = auto()
    AT_FIRST_SAMPLE = auto()
    TMAX_LAST = auto()
    TMAX_FIRST = auto()


MEANING: dict[Note, tuple[str, str]] = {
    Note.NO_READING: (NOT_ESTIMABLE, "no reading from the infusion on"),
    Note.ALL_BELOW: (NOT_ESTIMABLE, "every reading is below the limit of quantification"),
    Note.FEW_POINTS: (NOT_ESTIMABLE, "too few quantifiable readings after Tmax for lambda_z"),
    Note.NO_FALL: (NOT_ESTIMABLE, "the readings after Tmax do not fall, so lambda_z has no value"),
    Note.BEST_RISES: (
        NOT_ESTIMABLE,
        "the terminal line of best adjusted R2 does not fall (PKNCA's order of rules)",
    ),
    Note.NO_DOSE: (NOT_ESTIMABLE, "no dose"),
    Note.NOT_THIS_ROUTE: (NOT_ESTIMABLE, "has no meaning for this route"),
    Note.NO_TAIL: (
        NOT_ESTIMABLE,
        "the window ends after Tlast and lambda_z, which would extend it, is not estimable",
    ),
    Note.NO_AREA: (NOT_ESTIMABLE, "the only quantifiable reading is at time 0: no area"),
    Note.NO_LIMIT: (NOT_ESTIMABLE, "the limit of quantification is not given"),
    Note.NO_RISE: (NOT_ESTIMABLE, "no rise: too few quantifiable readings up to Tmax"),
    Note.NO_EARLIER: (NOT_ESTIMABLE, "no reading between the infusion and Tmax"),
    Note.FEW_FALLING: (NOT_ESTIMABLE, "too few quantifiable readings from Tmax on"),
    Note.NO_FIRST_FALL: (NOT_ESTIMABLE, "the readings from Tmax on do not fall along a line"),
    Note.NO_TREATMENT: (NOT_ESTIMABLE, "the subject did not have the treatment"),
    Note.AFTER_LAST: (NOT_ESTIMABLE, "the treatment began after Tlast"),
    Note.NOT_FINITE: (NOT_ESTIMABLE, "the result is not a finite number: check unit and times"),
    Note.EXTRAPOLATED: ("extrapolated", "past Tlast it is extrapolated with lambda_z"),
    Note.MUCH_EXTRAPOLATED: ("extrapolated", "a large part of it is extrapolated"),
    Note.ENDS_AT_ZERO: ("zero after Tlast", "the level is taken as 0 after the curve's last point"),
    Note.POOR_LINE: ("uncertain", "the terminal line has a low adjusted R2"),
    Note.SHORT_SPAN: ("uncertain", "the terminal line spans few half-lives"),
    Note.ABOVE_LIMIT: (
        "lower bound",
        "a reading above the upper limit stands at that limit: the true value may be larger",
    ),
    Note.STILL_THERE: ("censored", "still quantifiable at the last reading"),
    Note.FOLD_AT_LIMIT: (
        "lower bound",
        "the lowest reading before Tmax is below the limit and stands at it",
    ),
    Note.TWO_POINTS: ("uncertain", "a line through two readings"),
    Note.SHARED_POINTS: (
        "one phase",
        "contraction and terminal line share readings: the data do not tell two phases apart",
    ),
    Note.FIRST_VALUE: (
        "not extrapolated",
        "the first two readings do not fall or one is 0: C0 is the first positive reading",
    ),
    Note.AT_FIRST_SAMPLE: (
        "at or before",
        "already quantifiable in the first reading after time 0",
    ),
    Note.TMAX_FIRST: (
        "at or before",
        "the highest reading is the first after the infusion: the peak may be earlier and higher",
    ),
    Note.TMAX_LAST: ("lower bound", "the highest reading is the last one: the peak may be later"),
}

_MISSING = np.int64(sum(note for note, (flag, _) in MEANING.items() if flag == NOT_ESTIMABLE))


def missing(notes: Ints) -> NDArray[np.bool_]:
    """Say where a note explains a missing value."""
    return np.asarray((notes & _MISSING) != 0)


def only_missing(notes: Ints) -> Ints:
    """Keep the notes that explain a missing value."""
    return notes & _MISSING


def only_remarks(notes: Ints) -> Ints:
    """Keep the notes that qualify a value which is there."""
    return notes & ~_MISSING


def describe(notes: Ints) -> tuple[Texts, Texts]:
    """Write notes as words.

    Parameters
    ----------
    notes : int array (any,)

    Returns
    -------
    flags, reasons : object arrays of the same shape
        empty texts where there is nothing to say
    """
    unique, back = np.unique(notes, return_inverse=True)
    flags = np.empty(len(unique), dtype=object)
    reasons = np.empty(len(unique), dtype=object)
    for i, bits in enumerate(unique):
        said = [MEANING[note] for note in Note(int(bits))]
        flags[i] = ", ".join(dict.fromkeys(flag for flag, _ in said))
        reasons[i] = "; ".join(text for _, text in said)
    back = back.reshape(notes.shape)
    return flags[back], reasons[back]
