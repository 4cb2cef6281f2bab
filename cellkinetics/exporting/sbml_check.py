"""An SBML document read back by libsbml and checked against the rules of the standard."""

import importlib
from dataclasses import dataclass
from typing import Any

from cellkinetics.errors import ModelError

_NO_UNIT_GIVEN = 99505


@dataclass(frozen=True)
class SbmlCheck:
    """What libsbml says: its version (None: not installed), its warnings, what it cannot check.

    ``unchecked`` counts equations with numbers whose unit is not said, such as the factor between
    two units; the project's own unit check covers them.
    """

    version: str | None
    warnings: tuple[str, ...]
    unchecked: int


def check_sbml(text: str) -> SbmlCheck:
    """Read a document back and run libsbml's consistency check, units included.

    Parameters
    ----------
    text : str

    Returns
    -------
    SbmlCheck                       without a version where python-libsbml is not installed

    Raises
    ------
    ModelError                      the document breaks a rule of SBML
    """
    try:
        libsbml: Any = importlib.import_module("libsbml")
    except ImportError:
        return SbmlCheck(None, (), 0)
    document = libsbml.readSBMLFromString(text)
    document.checkConsistency()
    found = [document.getError(i) for i in range(document.getNumErrors())]
    serious = [e for e in found if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]
    if serious:
        first = serious[0]
        raise ModelError(
            f"The SBML of this model breaks a rule of the standard ({len(serious)} in all), and"
            f" was not written: rule {first.getErrorId()}, line {first.getLine()}:"
            f" {' '.join(first.getMessage().split())}"
        )
    warnings = tuple(
        f"rule {e.getErrorId()}, line {e.getLine()}: {' '.join(e.getMessage().split())}"
        for e in found
        if e.getSeverity() == libsbml.LIBSBML_SEV_WARNING and e.getErrorId() != _NO_UNIT_GIVEN
    )
    unchecked = sum(e.getErrorId() == _NO_UNIT_GIVEN for e in found)
    return SbmlCheck(libsbml.getLibSBMLDottedVersion(), warnings, unchecked)
