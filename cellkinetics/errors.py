"""Errors that a user can act on: what came, what was wanted, and the usual cure."""

import difflib
from collections.abc import Iterable
from typing import ClassVar


class CellKineticsError(Exception):
    """Base of every error that is the caller's to mend; the command line exits with 2."""

    exit_code: ClassVar[int] = 2


class StudyError(CellKineticsError):
    """The study's tables cannot be used as they are."""


class ModelError(CellKineticsError):
    """A model is declared wrongly or asked for something that it does not have."""


class SpecError(CellKineticsError):
    """A fit.toml (or another specification) is wrong."""


class FitError(CellKineticsError):
    """A fit cannot be started, resumed or read."""


class QuickRefused(FitError):
    """A quick answer that failed its own checks: there is no result."""

    exit_code = 3


class UnitError(CellKineticsError):
    """Two quantities have units that do not go together."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Say which names exist and which of them was probably meant.

    Parameters
    ----------
    name : str                    what came
    names : iterable of str       what exists

    Returns
    -------
    str                           "Known: a, b.  Did you mean 'a'?"
    """
    known = list(names)
    text = f"Known: {', '.join(known)}." if known else "There are none."
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"{text}  Did you mean '{close[0]}'?" if close else text
