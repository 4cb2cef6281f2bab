"""Units of the field as SBML unit definitions: products of SI units with a scale and a factor."""

import re
from xml.etree.ElementTree import Element, SubElement

from cellkinetics.exporting.mathml import DIMENSIONLESS
from cellkinetics.units import Unit, canonical, parse_unit

type _Part = tuple[str, int, int, float]
"""Kind, exponent, power of ten, factor."""

# Cells and copies are both items: SBML counts things in no other way.
_KINDS: dict[str, tuple[_Part, ...]] = {
    "cells": (("item", 1, 0, 1.0),),
    "copies": (("item", 1, 0, 1.0),),
    "s": (("second", 1, 0, 1.0),),
    "minute": (("second", 1, 0, 60.0),),
    "hour": (("second", 1, 0, 3600.0),),
    "day": (("second", 1, 0, 86400.0),),
    "week": (("second", 1, 0, 604800.0),),
    "kg": (("kilogram", 1, 0, 1.0),),
    "m": (("metre", 1, 0, 1.0),),
    "mm": (("metre", 1, -3, 1.0),),
    "%": ((DIMENSIONLESS, 1, -2, 1.0),),
}
for _prefix, _power in {"": 0, "d": -1, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}.items():
    _KINDS[f"{_prefix}L"] = (("litre", 1, _power, 1.0),)
    _KINDS[f"{_prefix}g"] = (("gram", 1, _power, 1.0),)
    _KINDS[f"{_prefix}mol"] = (("mole", 1, _power, 1.0),)
    _KINDS[f"{_prefix}M"] = (("mole", 1, _power, 1.0), ("litre", -1, 0, 1.0))


def unit_id(unit: str) -> str | None:
    """Name of a unit in the document, or None for one that SBML cannot express (such as IU).

    Raises
    ------
    UnitError                       the text is not a unit
    """
    parsed = parse_unit(unit)
    if not parsed.powers and parsed.factor == 1:
        return DIMENSIONLESS
    if any(name not in _KINDS for name, _ in parsed.powers):
        return None
    text = re.sub(r"\b10\^(?=\d)", "1e", canonical(unit)).replace("10^-", "1e_minus_")
    text = text.replace("/", " per ").replace("^", "").replace("%", "percent")
    name = re.sub(r"\W+", "_", text).strip("_")
    return name if name[0].isalpha() else f"unit_{name}"


def unit_definitions(units: list[str]) -> Element:
    """The ``listOfUnitDefinitions`` of the units that SBML can express, each once.

    Raises
    ------
    UnitError                       a text that is not a unit
    """
    found = Element("listOfUnitDefinitions")
    seen = {DIMENSIONLESS}
    for unit in units:
        name = unit_id(unit)
        if name is None or name in seen:
            continue
        seen.add(name)
        definition = SubElement(found, "unitDefinition", {"id": name, "name": canonical(unit)})
        definition.append(_parts(parse_unit(unit)))
    return found


def _parts(unit: Unit) -> Element:
    parts = Element("listOfUnits")
    if unit.factor != 1:
        _add(parts, DIMENSIONLESS, 1, 0, unit.factor)
    for name, power in unit.powers:
        for kind, exponent, scale, factor in _KINDS[name]:
            _add(parts, kind, power * exponent, scale, factor)
    return parts


def _add(parts: Element, kind: str, exponent: int, scale: int, multiplier: float) -> None:
    SubElement(
        parts,
        "unit",
        {
            "kind": kind,
            "exponent": str(exponent),
            "scale": str(scale),
            "multiplier": repr(multiplier),
        },
    )
