"""Units in CDISC's spelling, and readings brought to one unit an analyte, or refused."""

import re

import numpy as np

from cellkinetics.errors import UnitError
from cellkinetics.study.cdisc.dataset import Bools, Dataset, Floats, mask
from cellkinetics.study.cdisc.options import OPTIONS_TOML
from cellkinetics.study.findings import counted, shown
from cellkinetics.units import canonical, convert, same_dimension

# Words of upper-case units (SDTM controlled terminology, and what SAS programs make of them).
_WORDS = {
    "CELLS": "cells", "CELL": "cells", "COPIES": "copies", "COPY": "copies", "UG": "ug",
    "MG": "mg", "NG": "ng", "PG": "pg", "KG": "kg", "DNA": "DNA", "GDNA": "DNA",
    "ML": "mL", "UL": "uL", "DL": "dL", "NL": "nL", "L": "L", "M": "m", "IU": "IU", "U": "IU",
    "PERCENT": "%", "MCL": "uL", "MM": "mm", "GENOMIC": "genomic",
}  # fmt: skip
_FIXED = {"GI/L": "10^9/L", "TI/L": "10^12/L", "FRACTION OF 1": "1", "RATIO": "1"}
_PRODUCT_OF_CELLS = re.compile(
    r"(?:VIABLE\s+)?(?:CAR|CHIMERIC)[\w.-]*\s*(?:\+|POSITIVE|POS)?\s*(?:VIABLE\s+)?"
    r"(?:T[ -]?)?(?=CELLS?\b)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r".*[(\[]([^()\[\]]+)[)\]]\s*")


def spelt(text: str) -> str:
    """Spell a unit in our way: ``10^6 CAR-POSITIVE VIABLE T CELLS`` is ``10^6 cells``.

    Raises
    ------
    UnitError                     if the text is not a unit
    """
    plain = _PRODUCT_OF_CELLS.sub("", text.strip())
    plain = re.sub(r"(?i)^x\s*10(?:E|\^|\*\*|\*)?(?=[0-9])", "10^", plain)  # x10E9/L is 10^9/L
    plain = _FIXED.get(plain.upper(), plain)
    if plain == plain.upper():  # PG/ML would be petagrams
        plain = re.sub(r"[A-Z]+", lambda m: _WORDS.get(m.group(), m.group()), plain)
    try:
        return canonical(plain)
    except UnitError:
        words = re.sub(r"[A-Za-z]+", lambda m: _WORDS.get(m.group().upper(), m.group()), plain)
        return canonical(words)


def is_unit(text: str) -> bool:
    """Say whether a text is a unit that is known."""
    try:
        spelt(text)
    except UnitError:
        return False
    return True


def unit_texts(data: Dataset) -> list[str]:
    """Unit of each record: AVALU, else the brackets that end PARAM."""
    units = data.texts("AVALU", "PCSTRESU", "LBSTRESU")
    params = data.texts("PARAM")
    found = [_IN_BRACKETS.fullmatch(param) for param in params]
    return [
        unit or (match[1].strip() if match else "")
        for unit, match in zip(units, found, strict=True)
    ]


def factors_to(
    data: Dataset,
    rows: Bools,
    units: list[str],
    analyte: str,
    asked: str | None,
    column: str = "AVALU",
) -> tuple[Floats, str]:
    """Factor of each record to its analyte's one unit.

    Parameters
    ----------
    data : Dataset
    rows : array (record,) of bool   the records of the analyte
    units : list of str           unit as written, record by record
    analyte : str
    asked : str, optional         the unit that the user has asked for
    column : str                  the variable that holds the units

    Returns
    -------
    array (record,), str          NaN where the unit is refused (with a finding); the unit, empty
                                  if none of the records has one
    """
    out = np.full(len(data), np.nan)
    known: dict[str, str] = {}
    for text in dict.fromkeys(units[i] for i in np.flatnonzero(rows)):
        here = rows & _equal(units, text)
        try:
            known[text] = spelt(text or asked or "")
        except UnitError as error:
            if text or asked:
                _refuse(data, here, text, analyte, asked or "a unit", str(error), column)
            else:
                out[here] = 1.0  # the check asks for the unit
    if not known:
        return out, ""
    count = {text: int((rows & _equal(units, text)).sum()) for text in known}
    target = spelt(asked) if asked else known[max(count, key=lambda text: count[text])]
    for text, unit in known.items():
        here = rows & _equal(units, text)
        if unit == target:
            out[here] = 1.0
        elif same_dimension(unit, target):
            size = _size(unit, target)
            out[here] = size
            data.say(
                "unit-converted",
                int(np.flatnonzero(here)[0]),
                column,
                came=f"{counted(int(here.sum()), 'record')} of {analyte} in {unit}",
                cure=f"Converted to {target}: 1 {unit} is {size:g} {target}.",
            )
        else:
            _refuse(data, here, text, analyte, target, "They measure different things.", column)
    return out, target


def _size(unit: str, target: str) -> float:
    """One unit in another, without the last bits that arithmetic of units leaves (999.9999...)."""
    return float(f"{convert(1.0, unit, target):.12g}")


def _equal(units: list[str], text: str) -> Bools:
    return mask([unit == text for unit in units])


def _refuse(
    data: Dataset, here: Bools, text: str, analyte: str, wanted: str, why: str, column: str
) -> None:
    data.say(
        "unit-refused",
        int(np.flatnonzero(here)[0]),
        column,
        came=f"{shown(text) if text else 'no unit'} in {counted(int(here.sum()), 'record')} "
        f"of {analyte}",
        wanted=wanted,
        cure=f"{why[0].upper()}{why[1:]} Correct the unit, or name another in {OPTIONS_TOML}.",
    )
